//! `passwd`.

use std::io::IsTerminal;
use std::path::Path;

use sotto_client::{Command, PasswordChange, Update};
use sotto_proto::Password;

use crate::args::Cli;
use crate::commands::seat;
use crate::connect::{Purpose, first_line};
use crate::failure::Failure;
use crate::print::Printer;

/// Logs in with the old password, changes it and logs out.
pub(crate) async fn change(cli: &Cli, file: Option<&Path>, printer: Printer) -> Result<(), Failure> {
    let new = new_password(file)?;
    let mut seated = seat(cli, Purpose::Errand).await?;
    seated.client.send(Command::ChangePassword { old: None, new }).await;
    loop {
        match seated.update().await? {
            Update::Password(PasswordChange::Changed) => break,
            Update::Password(PasswordChange::WrongOld) => {
                return Err(Failure::Refused("the old password is wrong".to_owned()));
            }
            Update::Password(PasswordChange::Refused(refusal)) => return Err(refusal.into()),
            Update::Password(PasswordChange::Unknown) => {
                let advice =
                    "the connection was lost, and the password may be the old one or the new one; try both";
                return Err(Failure::Unreachable(advice.to_owned()));
            }
            _ => {}
        }
    }
    printer.password_changed()?;
    seated.leave(|_, _| Ok(())).await
}

fn new_password(file: Option<&Path>) -> Result<Password, Failure> {
    let typed = match file {
        Some(file) => first_line(file)?,
        None if std::io::stdin().is_terminal() => ask_twice()?,
        None => {
            let advice = "there is no terminal to ask for the new password; use --new-password-file";
            return Err(Failure::Usage(advice.to_owned()));
        }
    };
    Password::new(&typed).map_err(|error| Failure::Usage(error.to_string()))
}

fn ask_twice() -> Result<String, Failure> {
    let ask = |prompt| {
        rpassword::prompt_password(prompt)
            .map_err(|error| Failure::Usage(format!("cannot read the new password: {error}")))
    };
    let typed = ask("New password: ")?;
    if ask("Once more: ")? == typed {
        return Ok(typed);
    }
    Err(Failure::Usage("these are two different passwords; nothing was changed".to_owned()))
}
