//! `advisories`: what is known about vulnerabilities, from where, and how old; and what it says of packages.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ox_advisory::import::{Cancel, Progress, Step};
use ox_advisory::matching::{Lookup, from_purl, lookup, matches};
use ox_advisory::update;
use ox_advisory::version;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::output::Output;
use crate::host::UpdateOptions;
use crate::report::text::number;
use crate::report::{advisories, gathered, json};

/// Longest list of package URLs or versions that is read from stdin or a file, in bytes.
const LIST_BYTES: u64 = 64 << 20;

/// What is known about vulnerabilities: import it, bring it up to date, ask it.
#[derive(Args, Debug)]
pub(crate) struct Advisories {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Import OSV records, the KEV catalogue and EPSS scores from a folder, a zip, a file or an address
    Import {
        /// A folder (<ECOSYSTEM>/all.zip, records in JSON, KEV, EPSS), one all.zip, one file, or the
        /// https address of a bulk export
        from: String,
        /// Take a source even when it has suddenly less than half of its records
        #[arg(long)]
        accept_shrink: bool,
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Bring what was imported up to date over the network
    Update {
        #[command(flatten)]
        update: UpdateFlags,
    },
    /// Show what was imported, how old it is, and what of the images it covers
    Status {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say which advisories concern packages, by their package URLs
    Match {
        /// Package URLs (`pkg:pypi/django@4.2.1`); none reads one a line from stdin
        purl: Vec<String>,
        /// The distribution of packages that don't say theirs (`Debian:12`, `AlmaLinux:8`)
        #[arg(long, value_name = "ECOSYSTEM")]
        distro: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one record
    Show {
        /// `CVE-2024-1`, `GHSA-…`, `GO-2024-1`
        id: String,
    },
    /// Check an order of versions against lines `a < b`, or compare two versions
    Compare {
        /// An ecosystem (`Debian`, `PyPI`) or an order (`dpkg`, `pep440`)
        order: String,
        /// Two versions to compare; none reads lines from --file or stdin
        #[arg(num_args = 0..=2)]
        versions: Vec<String>,
        /// A file with a comparison a line
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// What is brought up to date, and from where.
#[derive(Args, Clone, Debug, Default)]
struct UpdateFlags {
    /// Only these ecosystems, by the names of the export's folders (repeatable; those that are known
    /// already unless told otherwise)
    #[arg(long, value_name = "NAME")]
    ecosystem: Vec<String>,
    /// Address of the bulk export, or of a mirror of it
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// Address of the KEV catalogue in JSON; `none` leaves it as it is
    #[arg(long, value_name = "URL")]
    kev: Option<String>,
    /// Address of the EPSS scores; `none` leaves them as they are
    #[arg(long, value_name = "URL")]
    epss: Option<String>,
    /// PEM file with certificates that are trusted besides the system's (repeatable)
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// `http://host:port`; requests go through it
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Origins that may be asked besides those of the addresses (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    allow: Vec<String>,
}

impl UpdateFlags {
    fn options(&self) -> CliResult<UpdateOptions> {
        let defaults = update::Options::default();
        let feed = |given: &Option<String>, usual: Option<String>| match given.as_deref() {
            Some("none") => None,
            Some(url) => Some(url.to_owned()),
            None => usual,
        };
        // Whoever names a mirror of the export does not mean the public feeds.
        let usual = |url: Option<String>| if self.base.is_some() { None } else { url };
        let mut ca_pem = Vec::new();
        for file in &self.ca {
            ca_pem.push(std::fs::read_to_string(file).map_err(|error| {
                CliError::settings(
                    format!("{} can't be read: {error}", file.display()),
                    "--ca takes a PEM file",
                )
            })?);
        }
        Ok(UpdateOptions {
            update: update::Options {
                base: self
                    .base
                    .clone()
                    .unwrap_or(defaults.base)
                    .trim_end_matches('/')
                    .to_owned(),
                ecosystems: self.ecosystem.clone(),
                kev: feed(&self.kev, usual(defaults.kev)),
                epss: feed(&self.epss, usual(defaults.epss)),
                ..update::Options::default()
            },
            ca_pem,
            proxy: self.proxy.clone(),
            allow: self.allow.clone(),
        })
    }
}

/// Steps as lines on stderr.
struct Lines {
    out: Arc<Output>,
    quiet: bool,
}

impl Progress for Lines {
    fn report(&self, step: Step<'_>) {
        if self.quiet {
            return;
        }
        if let Step::Ended(outcome) = step {
            self.out
                .note(&advisories::outcome(outcome, self.out.err_look));
        }
    }
}

impl Advisories {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        match &self.action {
            Action::Import {
                from,
                accept_shrink,
                update,
            } => {
                let web = from.starts_with("https://") || from.starts_with("http://");
                if web {
                    let mut flags = update.clone();
                    match one_ecosystem(from) {
                        Some((base, ecosystem)) => {
                            flags.base = Some(base);
                            flags.ecosystem.push(ecosystem);
                        }
                        None => flags.base = Some(from.clone()),
                    }
                    let known = !context
                        .backend
                        .host()?
                        .advisory_status()?
                        .index
                        .sources
                        .is_empty();
                    if flags.ecosystem.is_empty() && !known {
                        return Err(CliError::usage(
                            "nothing says which ecosystems are to be imported",
                            "name them (--ecosystem Debian --ecosystem npm), or give the address of one \
                             (https://…/Debian/all.zip)",
                        ));
                    }
                    return bring_in(context, Some(&flags.options()?), None, *accept_shrink).await;
                }
                bring_in(context, None, Some(PathBuf::from(from)), *accept_shrink).await
            }
            Action::Update { update } => {
                bring_in(context, Some(&update.options()?), None, false).await
            }
            Action::Status { json } => {
                let status = context.backend.queue()?.advisory_status()?;
                context.out.data(&if *json {
                    json::advisory_status(&status)
                } else {
                    advisories::status(&status, context.out.look)
                });
                Ok(Exit::Ok)
            }
            Action::Match { purl, distro, json } => {
                self.matched(context, purl, distro.as_deref(), *json)
            }
            Action::Show { id } => {
                let record = context.backend.queue()?.advisory(id)?.ok_or_else(|| {
                    CliError::usage(
                        format!("no record has the id {id:?}"),
                        "`ox-host advisories status` shows what was imported",
                    )
                })?;
                context
                    .out
                    .data(&advisories::record(&record, context.out.look));
                Ok(Exit::Ok)
            }
            Action::Compare {
                order,
                versions,
                file,
            } => compare(context, order, versions, file.as_ref()),
        }
    }

    fn matched(
        &self,
        context: &Context,
        purls: &[String],
        distro: Option<&str>,
        json: bool,
    ) -> CliResult {
        let index = context.backend.host()?.advisories()?;
        let snapshot = index
            .snapshot()
            .map_err(|error| CliError::new(Exit::Unexpected, error.to_string(), ""))?;
        let lines;
        let purls: Vec<&str> = if purls.is_empty() {
            lines = read_list(None)?;
            lines
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .collect()
        } else {
            purls.iter().map(String::as_str).collect()
        };
        let mut rows = Vec::new();
        for purl in purls {
            let answer = match from_purl(purl, distro) {
                Err(error) => Err(error.to_string()),
                Ok(package) => match lookup(&package.package()) {
                    Lookup::No(why) => {
                        Err(format!("not looked up: {}", advisories::no_lookup(&why)))
                    }
                    Lookup::Component(component) => matches(&component, &snapshot)
                        .map(|found| (component, found))
                        .map_err(|error| error.to_string()),
                },
            };
            rows.push((purl.to_owned(), answer));
        }
        context.out.data(&if json {
            json::match_lines(&rows)
        } else {
            advisories::matches(&rows, context.out.look)
        });
        Ok(Exit::Ok)
    }
}

/// The address of one ecosystem's export, taken apart: `https://mirror/osv/Rocky%20Linux/all.zip`.
fn one_ecosystem(address: &str) -> Option<(String, String)> {
    let (base, ecosystem) = address.strip_suffix("/all.zip")?.rsplit_once('/')?;
    let name = percent_encoding::percent_decode_str(ecosystem)
        .decode_utf8()
        .ok()?;
    (!base.ends_with('/') && !name.is_empty()).then(|| (base.to_owned(), name.into_owned()))
}

async fn bring_in(
    context: &Context,
    update: Option<&UpdateOptions>,
    from: Option<PathBuf>,
    accept_shrink: bool,
) -> CliResult {
    let host = context.backend.host()?;
    let cancel = Cancel::new();
    let lines = Lines {
        out: context.out.clone(),
        quiet: context.quiet,
    };
    let reporter = context.reporter();
    let _watch = context.watch(&reporter);
    let stop = {
        let (token, cancel) = (context.cancel.clone(), cancel.clone());
        tokio::spawn(async move {
            token.cancelled().await;
            cancel.cancel();
        })
    };
    let report = match (update, from) {
        (Some(options), _) => host.update_advisories(options, &lines, &cancel).await?,
        (None, from) => {
            let from = from.unwrap_or_default();
            host.import_advisories(&from, accept_shrink, &lines, &cancel)
                .await?
        }
    };
    stop.abort();
    let events: Arc<dyn crate::host::Events> = reporter.clone();
    let gathered = host.gather(&events).await;
    reporter.finish();
    context.out.data(&gathered::sentence(&gathered?));
    if context.cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    if report.incomplete() {
        context.warning("a source could not be brought in; what was known of it before is kept");
        return Ok(if update.is_some() {
            Exit::Connectivity
        } else {
            Exit::Settings
        });
    }
    Ok(Exit::Ok)
}

fn read_list(file: Option<&PathBuf>) -> CliResult<String> {
    let wrong =
        |error: std::io::Error| CliError::settings(format!("the list can't be read: {error}"), "");
    let mut text = String::new();
    match file {
        Some(file) => std::fs::File::open(file)
            .map_err(wrong)?
            .take(LIST_BYTES)
            .read_to_string(&mut text),
        None => std::io::stdin()
            .lock()
            .take(LIST_BYTES)
            .read_to_string(&mut text),
    }
    .map_err(wrong)?;
    Ok(text)
}

fn compare(
    context: &Context,
    order: &str,
    versions: &[String],
    file: Option<&PathBuf>,
) -> CliResult {
    let found = version::by_name(order).or_else(|| version::order_of(order));
    let Some(order) = found else {
        let known: Vec<&str> = version::orders().iter().map(|one| one.name()).collect();
        return Err(CliError::usage(
            format!("no order or ecosystem is called {order:?}"),
            format!("orders are {}", known.join(", ")),
        ));
    };
    if let [a, b] = versions {
        let sign = match order.compare(a, b) {
            std::cmp::Ordering::Less => '<',
            std::cmp::Ordering::Equal => '=',
            std::cmp::Ordering::Greater => '>',
        };
        context.out.data(&format!("{a} {sign} {b}\n"));
        return Ok(Exit::Ok);
    }
    if !versions.is_empty() {
        return Err(CliError::usage("one version can't be compared", "give two"));
    }
    let text = read_list(file)?;
    let report = version::check_vectors(order, text.as_bytes())
        .map_err(|error| CliError::settings(format!("the lines can't be read: {error}"), ""))?;
    for wrong in &report.first_wrong {
        context.out.data(&format!("{wrong}\n"));
    }
    context.out.data(&format!(
        "{}: {} comparisons, {} wrong\n",
        order.name(),
        number(report.compared),
        number(report.wrong)
    ));
    Ok(if report.wrong == 0 {
        Exit::Ok
    } else {
        Exit::Unexpected
    })
}
