//! Sotto in a terminal: for people, scripts and bots. Results go to standard output, everything else to
//! standard error; the exit code says what kind of end it was.

mod args;
mod chat;
mod commands;
mod connect;
mod failure;
mod files;
mod passwd;
mod print;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use print::{Printer, complain};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before any thread is started: afterwards the system's time zone cannot be read safely.
    let printer = Printer::new(cli.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(&cli, printer));
            // A thread that waits for a line of standard input does not keep the program.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::Usage(format!("cannot start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = printer.failure(&failure);
            complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

async fn run(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    match &cli.command {
        Command::Register => commands::register(cli, printer).await,
        Command::Passwd { new_password_file } => {
            passwd::change(cli, new_password_file.as_deref(), printer).await
        }
        Command::Login => chat::run(cli, printer).await,
        Command::Send(send) => commands::send(cli, send, printer).await,
        Command::SendFile(asked) => files::send(cli, asked, printer).await,
        Command::Files => files::list(cli, printer).await,
        Command::Accept(asked) => files::accept(cli, asked, printer).await,
        Command::Decline { file } => files::decline(cli, file, printer).await,
        Command::Listen(listen) => commands::listen(cli, listen, printer).await,
        Command::Users => commands::users(cli, printer).await,
        Command::History(history) => commands::history(cli, history, printer).await,
        Command::Trust { fingerprint } => commands::trust(cli, fingerprint.as_deref(), printer).await,
    }
}
