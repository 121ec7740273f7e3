//! The program `ox-host`: everything is in the library, so that it can be tested there.

fn main() -> std::process::ExitCode {
    ox_host::cli::main()
}
