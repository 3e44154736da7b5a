//! Tracing lines on standard error, written by a thread of their own: a full pipe or terminal that nobody
//! reads costs lines, not the chat.

use sotto_server::{LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

/// Lines that may wait to be written. Their places are there from the beginning: 32 bytes each.
const WAITING: usize = 8192;

/// Starts logging. What is dropped last writes what is left.
pub(crate) fn start(level: LogLevel, format: LogFormat) -> WorkerGuard {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING).finish(std::io::stderr());
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt().with_max_level(filter(level)).with_writer(writer).with_ansi(ansi);
    let lines = lines.with_target(false);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    guard
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
