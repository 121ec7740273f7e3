//! What one archive says, and those inside it.

use std::io::{self, Read};

use super::identity::{self, Pom, Said};
use super::manifest::{self, Manifest};
use super::pom;
use crate::catalog::{Found, FoundPackage, MAX_FOUND_BYTES};
use crate::contract::SkipReason;
use crate::image::zip::{Budget, Trouble, Zip};

/// Archives inside archives that are read: an application has a library with libraries at most.
pub(super) const MAX_DEPTH: usize = 8;
/// Bytes of a manifest's main section. What follows it speaks of single files.
pub(super) const MAX_MANIFEST: u64 = 1 << 20;
/// Bytes of a `pom.properties`: three lines.
pub(super) const MAX_PROPERTIES: u64 = 64 << 10;
/// Bytes of a `pom.xml`; the largest have some 200 KiB.
pub(super) const MAX_POM: u64 = 512 << 10;
/// What a record takes besides its text.
const RECORD_BYTES: usize = 256;

/// What an entry is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Manifest,
    Properties,
    Pom,
    Archive,
}

fn kind(name: &[u8]) -> Option<Kind> {
    if name.eq_ignore_ascii_case(b"META-INF/MANIFEST.MF") {
        Some(Kind::Manifest)
    } else if name.ends_with(b"/pom.properties") {
        maven_folder(name).map(|_| Kind::Properties)
    } else if name.ends_with(b"/pom.xml") {
        maven_folder(name).map(|_| Kind::Pom)
    } else {
        super::is_archive(name).then_some(Kind::Archive)
    }
}

/// The folder of a Maven descriptor: `META-INF/maven/group/artifact`, wherever it is.
fn maven_folder(name: &[u8]) -> Option<&[u8]> {
    const MAVEN: &[u8] = b"META-INF/maven/";
    let start = name
        .windows(MAVEN.len())
        .position(|window| window == MAVEN)?;
    let end = name.iter().rposition(|byte| *byte == b'/')?;
    name.get(start + MAVEN.len()..end)
}

/// What an entry said, and its number among the wanted ones.
enum Saying {
    Manifest(Manifest),
    Properties(Pom),
    Pom(pom::Project, String),
    Archive(Vec<FoundPackage>),
}

/// Reads an archive and those inside it.
pub(super) struct Reader<'b, 'f> {
    budget: &'b Budget,
    found: &'f mut Found,
    held: usize,
    full: bool,
}

impl<'b, 'f> Reader<'b, 'f> {
    /// Notes go to `found`.
    pub(super) fn new(budget: &'b Budget, found: &'f mut Found) -> Self {
        Self {
            budget,
            found,
            held: 0,
            full: false,
        }
    }

    /// The packages of the archive that `source` begins with. `name` is its file name, `inside` its path
    /// in the outermost one.
    pub(super) fn read(
        &mut self,
        source: &mut dyn Read,
        name: &str,
        inside: &str,
        depth: usize,
    ) -> io::Result<Vec<FoundPackage>> {
        let budget = self.budget;
        let mut zip = Zip::new(source, budget, |name: &[u8]| kind(name).is_some());
        let mut sayings = Vec::new();
        let mut number = 0;
        // What ends too early is not believed: half a version is another one.
        while zip.advance()? {
            let entry = String::from_utf8_lossy(zip.name()).into_owned();
            let saying = match kind(zip.name()) {
                Some(Kind::Manifest) => {
                    let mut contents = zip.contents().take(MAX_MANIFEST);
                    let (manifest, ended) = manifest::parse(&mut contents)?;
                    if contents.limit() == 0 {
                        self.too_large(inside, &entry, MAX_MANIFEST);
                    }
                    (ended || zip.is_whole()).then_some(Saying::Manifest(manifest))
                }
                Some(Kind::Properties) => {
                    let mut contents = zip.contents().take(MAX_PROPERTIES);
                    let properties = manifest::properties(&mut contents)?;
                    if contents.limit() == 0 {
                        self.too_large(inside, &entry, MAX_PROPERTIES);
                    }
                    let pom = Pom::new(&entry, folder(&entry), properties);
                    zip.is_whole().then_some(Saying::Properties(pom))
                }
                Some(Kind::Pom) => {
                    let mut contents = zip.contents().take(MAX_POM);
                    let mut text = Vec::new();
                    contents.read_to_end(&mut text)?;
                    if contents.limit() == 0 {
                        self.too_large(inside, &entry, MAX_POM);
                    }
                    let whole = zip.is_whole();
                    whole.then(|| Saying::Pom(pom::parse(&text), entry))
                }
                Some(Kind::Archive) => {
                    let path = join(inside, &entry);
                    if depth + 1 >= MAX_DEPTH {
                        self.found.note(
                            SkipReason::OverLimit,
                            format!(
                                "{path} in it was passed over: archives are read {MAX_DEPTH} deep"
                            ),
                        );
                        None
                    } else {
                        let file = crate::image::paths::split(&entry).1;
                        let packages = self.read(&mut zip.contents(), file, &path, depth + 1)?;
                        Some(Saying::Archive(packages))
                    }
                }
                None => None,
            };
            if let Some(saying) = saying
                && self.fits(&saying)
            {
                sayings.push((number, saying));
            }
            number += 1;
        }
        let outcome = zip.outcome()?;
        for trouble in &outcome.troubles {
            self.trouble(inside, *trouble);
        }
        if !outcome.has_directory && outcome.troubles.is_empty() {
            let what = "ends before its central directory, which says what belongs to it";
            self.corrupt(inside, what);
        } else if outcome.missed > 0 && outcome.troubles.is_empty() {
            let what = format!(
                "lists {} files that tell of packages and are not where it says",
                outcome.missed
            );
            self.corrupt(inside, &what);
        }
        sayings.retain(|(number, _)| outcome.listed.get(*number).copied().unwrap_or(false));
        Ok(gather(sayings, name, inside))
    }

    /// Makes room for what an entry said, or notes that there is none.
    fn fits(&mut self, saying: &Saying) -> bool {
        let bytes = match saying {
            Saying::Manifest(manifest) => manifest.weight(),
            Saying::Properties(pom) => pom.weight(),
            Saying::Pom(project, entry) => project.weight() + entry.len(),
            // Its packages were counted when they were read.
            Saying::Archive(_) => return true,
        };
        self.held = self.held.saturating_add(bytes + RECORD_BYTES);
        if self.held > MAX_FOUND_BYTES && !self.full {
            self.full = true;
            self.found.note(
                SkipReason::OverLimit,
                format!("what it says of packages takes more than {MAX_FOUND_BYTES} bytes; the rest was passed over"),
            );
        }
        !self.full
    }

    fn too_large(&mut self, inside: &str, entry: &str, cap: u64) {
        let path = join(inside, entry);
        self.found.note(
            SkipReason::OverLimit,
            format!("{path} in it has more than {cap} bytes; it was passed over"),
        );
    }

    fn trouble(&mut self, inside: &str, trouble: Trouble) {
        let reason = match trouble {
            _ if trouble.is_over_limit() => SkipReason::OverLimit,
            Trouble::Encrypted | Trouble::Method(_) => SkipReason::Unsupported,
            // Whatever is called .jar inside an archive need not be one.
            Trouble::NoArchive if !inside.is_empty() => return,
            _ => SkipReason::Corrupt,
        };
        self.found
            .note(reason, sentence(inside, &trouble.to_string()));
    }

    fn corrupt(&mut self, inside: &str, what: &str) {
        self.found.note(SkipReason::Corrupt, sentence(inside, what));
    }
}

fn sentence(inside: &str, what: &str) -> String {
    if inside.is_empty() {
        format!("it {what}")
    } else {
        format!("{inside} in it {what}")
    }
}

/// A path inside the archive `inside`.
fn join(inside: &str, entry: &str) -> String {
    if inside.is_empty() {
        entry.to_owned()
    } else {
        format!("{inside}!/{entry}")
    }
}

fn folder(entry: &str) -> &str {
    maven_folder(entry.as_bytes())
        .and_then(|folder| std::str::from_utf8(folder).ok())
        .unwrap_or_default()
}

/// Puts together what the entries of one archive say.
fn gather(sayings: Vec<(usize, Saying)>, name: &str, inside: &str) -> Vec<FoundPackage> {
    let mut said = Said::default();
    let mut projects = Vec::new();
    let mut packages = Vec::new();
    for (_, saying) in sayings {
        match saying {
            Saying::Manifest(manifest) => said.manifest = manifest,
            Saying::Properties(pom) => said.poms.push(pom),
            Saying::Pom(project, entry) => {
                let folder = folder(&entry).to_owned();
                projects.push((project, entry, folder));
            }
            Saying::Archive(inner) => packages.push(inner),
        }
    }
    said.add_projects(projects);
    let mut all = identity::packages(said, name);
    for package in &mut all {
        package.inside = match package.inside.take() {
            Some(entry) => Some(join(inside, &entry)),
            None => Some(inside)
                .filter(|inside| !inside.is_empty())
                .map(str::to_owned),
        };
    }
    all.extend(packages.into_iter().flatten());
    all
}
