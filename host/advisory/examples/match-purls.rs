//! Reads package URLs from the standard input and says which records concern each, from an index made on the
//! spot of a folder in the layout of the public export: `match-purls FOLDER [DISTRO] <purls`. A line of the
//! answer has the URL, and after tabs what was looked up, then each record with how sure it is. For comparing
//! many packages with labels, or with another program.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;

use ox_advisory::import::{self, Cancel};
use ox_advisory::index::Index;
use ox_advisory::matching::{Component, Lookup, Match, from_purl, lookup, matches};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        return Err("match-purls FOLDER [DISTRO] <purls".into());
    };
    let distro = arguments.next();
    let home = std::env::temp_dir().join(format!("match-purls-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let answered = answer(&home, Path::new(&folder), distro.as_deref());
    std::fs::remove_dir_all(&home)?;
    answered
}

fn answer(home: &Path, folder: &Path, distro: Option<&str>) -> Result<(), Box<dyn Error>> {
    let index = Index::open(home)?;
    import::from_path(&index, folder, &(), &Cancel::new())?;
    let snapshot = index.snapshot()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for purl in io::stdin().lock().lines() {
        let purl = purl?;
        write!(out, "{purl}")?;
        match from_purl(&purl, distro).map(|package| lookup(&package.package())) {
            Err(error) => write!(out, "\t{error}")?,
            Ok(Lookup::No(why)) => write!(out, "\tnot looked up: {why:?}")?,
            Ok(Lookup::Component(component)) => {
                let Component {
                    ecosystem,
                    name,
                    version,
                    ..
                } = &component;
                write!(out, "\t{ecosystem} {name} {version}")?;
                for found in matches(&component, &snapshot)? {
                    write!(out, "\t{} {}", found.advisory, surety(&found))?;
                }
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn surety(found: &Match) -> String {
    let mut word = format!("{:?}", found.certainty).to_lowercase();
    if found.informational.is_some() {
        word.push_str(" informational");
    }
    word
}
