//! The `danlu` command.

fn main() -> std::process::ExitCode {
    let code = danlu::cli::main(std::env::args_os());
    std::process::ExitCode::from(code)
}
