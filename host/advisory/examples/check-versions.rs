//! Reads lines `a < b` from the standard input and says which of them an order sees otherwise:
//! `check-versions pep440 <lines`. The order is named by itself or by an ecosystem. Ends with 1 when a line is
//! wrong, and with 2 when it was not asked in a way it understands. `tests/peers/version-orders` uses it.

use std::io::{self, Write};
use std::process::ExitCode;

use ox_advisory::version::{by_name, check_vectors, order_of, orders};

fn main() -> io::Result<ExitCode> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(order) = by_name(&name).or_else(|| order_of(&name)) else {
        let names: Vec<&str> = orders().iter().map(|order| order.name()).collect();
        writeln!(
            io::stderr(),
            "{name:?} is neither an order nor an ecosystem; orders: {}",
            names.join(", ")
        )?;
        return Ok(ExitCode::from(2));
    };
    let report = check_vectors(order, io::stdin().lock())?;
    let mut out = io::stdout().lock();
    for wrong in &report.first_wrong {
        writeln!(out, "{wrong}")?;
    }
    for line in &report.first_unread {
        writeln!(out, "line {line} is no comparison")?;
    }
    writeln!(
        out,
        "{}: {} compared, {} wrong, {} unread",
        order.name(),
        report.compared,
        report.wrong,
        report.unread
    )?;
    Ok(ExitCode::from(u8::from(
        report.wrong > 0 || report.unread > 0,
    )))
}
