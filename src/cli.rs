//! The command line. Everything that a person sees is said here; the library below never prints.

mod admin;
mod alerts;
mod choice;
mod compact;
mod complete;
mod config;
mod files;
mod gc;
mod get;
mod import;
mod lines;
mod login;
mod look;
mod ls;
mod mode;
mod named;
mod output;
mod progress;
mod pull;
mod recover;
mod remote;
mod remote_stdio;
mod run;
mod serve;
mod server_settings;
mod show;
mod size;
mod sql;
mod status;
mod sync;
mod there;
mod verify;
mod version;

pub use look::Place;
pub use named::default_remote;

use crate::model::{Clock, Error, ErrorKind, Result, SystemClock};
use clap::{Args, Parser, Subcommand};
use output::Output;
use std::ffi::OsString;
use std::path::PathBuf;

/// Trains anywhere, shows everything, syncs later.
///
/// danlu keeps each training run in one SQLite file under ./wandb. These commands look at them, check them, and carry
/// them to a directory or a server. Nothing here needs a network, except to reach a server.
#[derive(Debug, Parser)]
#[command(name = "danlu", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  danlu run python train.py                   a script written for wandb, unchanged
  danlu ls                                    the runs of this directory
  danlu show latest                           the newest one
  danlu sql \"SELECT key, count(*), min(value) FROM history GROUP BY key\"
  danlu get latest model.pth -o best.pth      a saved file
  danlu sync /media/usb                       push all runs to a USB stick
  danlu serve --data ~/danlu-server           a server to sync to, with a page to look at";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Ls(ls::Ls),
    Show(show::Show),
    Sql(sql::Sql),
    Files(files::Files),
    Alerts(alerts::Alerts),
    Get(get::Get),
    Verify(verify::Verify),
    Recover(recover::Recover),
    Sync(Box<sync::Sync>),
    Pull(pull::Pull),
    Remote(remote::Remote),
    Compact(compact::Compact),
    Expand(compact::Expand),
    Gc(gc::Gc),
    Import(import::Import),
    Serve(Box<serve::Serve>),
    Admin(admin::AdminCommand),
    Login(login::Login),
    /// Let the runs of a directory be written there, and sent nowhere by themselves
    Offline(Common),
    /// Let the runs of a directory be sent to the remote while they are written, if there is one
    Online(Common),
    /// Let the runs of a directory not be written at all
    Disabled(Common),
    /// Let the runs of a directory be written as by default
    Enabled(Common),
    Status(status::Status),
    Version(version::Version),
    RemoteStdio(remote_stdio::RemoteStdio),
    Completions(complete::Completions),
}

/// Where the runs are, and how to answer.
#[derive(Debug, Args)]
struct Common {
    /// The directory with the runs: the one that training ran in, or its `wandb`
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    #[command(flatten)]
    format: Format,
}

/// How to answer.
#[derive(Debug, Args)]
struct Format {
    /// Answer in JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Runs the command line and returns the exit code: 0 for success, 1 for failure, 2 for a wrong call.
pub fn main(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            // To a closed pipe it cannot be said.
            e.print().ok();
            return u8::try_from(e.exit_code()).unwrap_or(2);
        }
    };
    let mut output = Output::new();
    let done = match cli.command {
        Command::Run(command) => command.run(&mut output),
        Command::Ls(command) => command.run(&mut output),
        Command::Show(command) => command.run(&mut output),
        Command::Sql(command) => command.run(&mut output),
        Command::Files(command) => command.run(&mut output),
        Command::Alerts(command) => command.run(&mut output),
        Command::Get(command) => command.run(&mut output),
        Command::Verify(command) => command.run(&mut output),
        Command::Recover(command) => command.run(&mut output),
        Command::Sync(command) => command.run(&mut output),
        Command::Pull(command) => command.run(&mut output),
        Command::Remote(command) => command.run(&mut output),
        Command::Compact(command) => command.run(&mut output),
        Command::Expand(command) => command.run(&mut output),
        Command::Gc(command) => command.run(&mut output),
        Command::Import(command) => command.run(&mut output),
        Command::Serve(command) => command.run(&mut output),
        Command::Admin(command) => command.run(&mut output),
        Command::Login(command) => command.run(&mut output),
        Command::Offline(common) => mode::set(&common, Some("offline"), &mut output),
        Command::Online(common) => mode::set(&common, Some("online"), &mut output),
        Command::Disabled(common) => mode::set(&common, Some("disabled"), &mut output),
        Command::Enabled(common) => mode::set(&common, None, &mut output),
        Command::Status(command) => command.run(&mut output),
        Command::Version(command) => command.run(&mut output),
        Command::RemoteStdio(command) => command.run(),
        Command::Completions(command) => command.run(&mut output),
    };
    match done {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(_) if output.is_closed() => 0,
        Err(e) => {
            output::error(&e);
            if e.kind() == ErrorKind::Usage { 2 } else { 1 }
        }
    }
}

/// Returns the machine's name and the time: what the library does not find out by itself.
fn here_and_now() -> (String, i64) {
    (crate::writer::host_name(), SystemClock.now())
}

/// Finds the runs that the user named, or all of the directory.
fn runs_named(names: &[String], dir: &std::path::Path) -> Result<Vec<crate::query::RunInfo>> {
    let (host, now) = here_and_now();
    if !names.is_empty() {
        return names.iter().map(|name| crate::query::find(dir, name, &host, now, &output::warn)).collect();
    }
    let found = crate::query::list(dir, &host, now, &output::warn)?;
    for (_, error) in &found.unreadable {
        output::warn(error.to_string());
    }
    if found.runs.is_empty() {
        let message = format!("There are no runs in `{}`", crate::query::run_directory(dir).display());
        return Err(Error::new(ErrorKind::NotFound, message).with_hint("`--dir` looks elsewhere"));
    }
    crate::query::unite(found.runs)
}
