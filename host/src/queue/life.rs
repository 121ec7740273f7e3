//! What becomes of an issue that is no longer there.
//!
//! Nothing is closed on a guess: an image that could not be read whole keeps its issues open. What is closed
//! says by what: a newer image of the same tag that has another version (resolved), or that what had it is
//! gone, or that the advisories no longer say so (removed).

/// What is known about an issue that should no longer be there.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// What the issue is about, in words ("zlib1g", "the secret").
    pub what: String,
    /// Why the whole location is gone, when it is.
    pub location_gone: Option<String>,
    /// An advisory of it that was withdrawn.
    pub withdrawn: Option<String>,
    /// What the tool says that reported it, when only a tool did.
    pub tool: Option<String>,
    /// Its images, and what became of them.
    pub places: Vec<Successor>,
}

/// What became of an image that had an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Successor {
    /// The image itself is still there.
    Itself {
        /// Its name (`web-store:1.4`).
        name: String,
        /// All of it was read.
        complete: bool,
        /// The version of the package in it now; `None` when it is not in it.
        version: Option<String>,
        /// The version that it had.
        before: String,
    },
    /// One of its tags leads to another image now.
    Tagged {
        /// That image's name.
        name: String,
        /// All of it was read.
        complete: bool,
        /// The version of the package in it.
        version: Option<String>,
    },
    /// Its tags are gone, and so is it.
    Gone {
        /// Its name.
        name: String,
    },
}

/// What becomes of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays open, and why.
    Kept(String),
    /// Its cause is mended.
    Resolved(String),
    /// What had it is gone, or it was none.
    Removed(String),
}

/// Decides. The same facts give the same fate and sentence.
pub fn fate(closing: &Closing) -> Fate {
    let Closing { what, .. } = closing;
    if let Some(why) = &closing.location_gone {
        return Fate::Removed(why.clone());
    }
    for place in &closing.places {
        if let Successor::Itself {
            name,
            complete: false,
            ..
        }
        | Successor::Tagged {
            name,
            complete: false,
            ..
        } = place
        {
            return Fate::Kept(format!(
                "{name} could not be read whole, so nobody knows whether {what} is in it still."
            ));
        }
    }
    if let Some(id) = &closing.withdrawn {
        return Fate::Removed(format!("{id} was withdrawn by those who published it."));
    }
    for place in &closing.places {
        if let Successor::Itself {
            name,
            version: Some(version),
            before,
            ..
        } = place
            && version == before
        {
            return Fate::Removed(format!(
                "The advisories no longer say that {what} {version} in {name} is affected."
            ));
        }
    }
    for place in &closing.places {
        if let Successor::Tagged { name, version, .. } = place {
            return Fate::Resolved(match version {
                Some(version) => format!("{name} has {what} {version} now."),
                None => format!("{name} no longer has {what}."),
            });
        }
    }
    if let Some(said) = &closing.tool {
        return Fate::Resolved(said.clone());
    }
    for place in &closing.places {
        if let Successor::Itself { name, .. } = place {
            return Fate::Removed(format!(
                "{what} is no longer found in {name}, which is the same image: how it is read has changed."
            ));
        }
    }
    let names: Vec<&str> = closing
        .places
        .iter()
        .filter_map(|place| match place {
            Successor::Gone { name } => Some(name.as_str()),
            _ => None,
        })
        .take(3)
        .collect();
    match names.as_slice() {
        [] => Fate::Removed(format!("{what} is no longer found.")),
        names => Fate::Removed(format!(
            "The images that had it were deleted from the registry: {}.",
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn tagged(complete: bool, version: Option<&str>) -> Successor {
        Successor::Tagged {
            name: "api:1".to_owned(),
            complete,
            version: version.map(str::to_owned),
        }
    }

    fn closing(places: Vec<Successor>) -> Closing {
        Closing {
            what: "zlib1g".to_owned(),
            places,
            ..Closing::default()
        }
    }

    #[test]
    fn a_newer_image_of_the_tag_with_another_version_resolves() {
        let fate = fate(&closing(vec![tagged(true, Some("1.3"))]));
        assert_eq!(fate, Fate::Resolved("api:1 has zlib1g 1.3 now.".to_owned()));
    }

    #[test]
    fn an_image_that_was_not_read_whole_keeps_the_issue_open() {
        let fate = fate(&closing(vec![tagged(true, None), tagged(false, None)]));
        assert!(matches!(fate, Fate::Kept(_)), "{fate:?}");
    }

    #[test]
    fn a_deleted_image_removes_and_does_not_resolve() {
        let gone = Successor::Gone {
            name: "api:1".to_owned(),
        };
        let fate = fate(&closing(vec![gone]));
        assert!(matches!(fate, Fate::Removed(why) if why.contains("api:1")));
    }

    #[test]
    fn an_advisory_that_changed_removes_what_it_opened() {
        let same = Successor::Itself {
            name: "api:1".to_owned(),
            complete: true,
            version: Some("1.2".to_owned()),
            before: "1.2".to_owned(),
        };
        let removed = fate(&closing(vec![same.clone()]));
        assert!(matches!(removed, Fate::Removed(why) if why.contains("no longer say")));
        let mut withdrawn = closing(vec![same]);
        withdrawn.withdrawn = Some("GO-2024-1".to_owned());
        assert!(matches!(fate(&withdrawn), Fate::Removed(why) if why.contains("withdrawn")));
    }
}
