//! `images`: the images that were seen, and the packages of one.

use std::collections::BTreeSet;

use clap::Args;

use super::args::{Format, ListFlags};
use super::connect::quoted;
use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use crate::report::text::short_digest;
use crate::report::{images, json};

/// List the images that were seen, or the packages of one.
#[derive(Args, Debug)]
pub(crate) struct Images {
    #[command(flatten)]
    list: ListFlags,
    /// Show the packages of this image (a digest, or a beginning of one)
    #[arg(long, value_name = "DIGEST")]
    packages: Option<String>,
}

impl Images {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        if let Some(digest) = &self.packages {
            return self.packages(context, digest);
        }
        let rows = context.backend.images(&context.filter(&self.list)?)?;
        if rows.is_empty() {
            context.remark("No images.");
        }
        context.out.data(&match self.list.format {
            Format::Table => images::table(&rows, context.out.look),
            Format::Json => json::images(&rows),
            Format::Jsonl => json::image_lines(&rows),
        });
        Ok(Exit::Ok)
    }

    fn packages(&self, context: &Context, beginning: &str) -> CliResult {
        let (connection, digest) = self.one_image(context, beginning)?;
        let rows = context.backend.packages(&connection, &digest)?;
        if rows.is_empty() {
            context.remark("No packages were found in this image.");
        }
        context.out.data(&match self.list.format {
            Format::Table => images::packages(&rows, context.out.look),
            Format::Json => json::packages(&digest, &rows),
            Format::Jsonl => json::package_lines(&digest, &rows),
        });
        Ok(Exit::Ok)
    }

    /// Connection and digest of the one image that is meant. The algorithm may be left out.
    fn one_image(&self, context: &Context, beginning: &str) -> CliResult<(String, String)> {
        let beginning = with_algorithm(beginning);
        let mut filter = context.filter(&self.list)?;
        filter.image = Some(beginning.clone());
        let rows = context.backend.images(&filter)?;
        let found: BTreeSet<(String, String)> = rows
            .into_iter()
            .map(|row| (row.connection, row.image.digest))
            .collect();
        let digests: BTreeSet<&str> = found.iter().map(|(_, digest)| digest.as_str()).collect();
        let few = || {
            let few = digests.iter().take(5).map(|digest| short_digest(digest));
            few.collect::<Vec<_>>().join(", ")
        };
        match (found.first(), found.len()) {
            (Some(one), 1) => Ok(one.clone()),
            (None, _) => Err(CliError::usage(
                format!("no image has a digest that begins with {beginning}"),
                "`ox-host images` lists them",
            )),
            (Some((one, _)), many) if digests.len() == 1 => Err(CliError::usage(
                format!("{many} connections have the image {}", few()),
                format!(
                    "say which one is meant, for example --connection {}",
                    quoted(one)
                ),
            )),
            _ => Err(CliError::usage(
                format!(
                    "{} images have a digest that begins with {beginning}",
                    digests.len()
                ),
                format!("give more of it: {}", few()),
            )),
        }
    }
}

/// A digest, or the beginning of one, whose algorithm may have been left out.
pub(crate) fn with_algorithm(beginning: &str) -> String {
    if beginning.contains(':') {
        beginning.to_owned()
    } else {
        format!("sha256:{beginning}")
    }
}
