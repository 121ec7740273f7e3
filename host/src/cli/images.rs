//! `images`: the images that were seen, and the packages of one.

use std::collections::BTreeSet;

use clap::Args;

use super::args::{Format, ListFlags};
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
        let digest = self.one_image(context, beginning)?;
        let rows = context.backend.packages(&digest)?;
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

    /// The digest of the one image that is meant. The algorithm may be left out.
    fn one_image(&self, context: &Context, beginning: &str) -> CliResult<String> {
        let beginning = if beginning.contains(':') {
            beginning.to_owned()
        } else {
            format!("sha256:{beginning}")
        };
        let mut filter = context.filter(&self.list)?;
        filter.image = Some(beginning.clone());
        let rows = context.backend.images(&filter)?;
        let digests: BTreeSet<String> = rows.into_iter().map(|row| row.image.digest).collect();
        let mut some = digests.iter().take(5);
        match (some.next(), some.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => Err(CliError::usage(
                format!("no image has a digest that begins with {beginning}"),
                "`ox-host images` lists them",
            )),
            (Some(_), Some(_)) => {
                let few: Vec<_> = digests
                    .iter()
                    .take(5)
                    .map(|digest| short_digest(digest))
                    .collect();
                Err(CliError::usage(
                    format!(
                        "{} images have a digest that begins with {beginning}",
                        digests.len()
                    ),
                    format!("give more of it: {}", few.join(", ")),
                ))
            }
        }
    }
}
