//! From a file to a connector that can be called: read, measured, compiled, checked, linked, described.
//!
//! The checks come in the order in which they are cheap and the refusals in words that say what to do. A
//! component is linked once; a call only instantiates it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::call::describe;
use super::code_cache::CodeCache;
use super::contract_0_1::{self, Linked};
use super::error::{LoadError, SandboxError};
use super::interfaces::{CONTRACT_VERSIONS, contract_version, is_granted};
use super::limits::{Limit, Limits};
use super::store_data::StoreData;
use super::{check, engine};
use crate::contract::Manifest;

/// Components that are compiled at the same time; each uses every processor already.
const COMPILING: usize = 2;

/// Imports or exports that a message lists.
const MAX_LISTED: usize = 64;

/// Bytes of a page of memory, in which wasmtime counts what a component needs.
const PAGE: u64 = 64 << 10;

/// What a sandbox is made of.
#[derive(Clone, Debug, Default)]
pub struct SandboxOptions {
    /// Folder of compiled code; made (0700) when missing. `None` compiles at every start.
    pub cache_dir: Option<PathBuf>,
    /// For loading, and for `describe`; calls bring their own.
    pub limits: Limits,
}

/// The engine and what belongs to it. One per process.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<StoreData>,
    cache: CodeCache,
    limits: Limits,
    compiling: Arc<Semaphore>,
}

/// How far loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStage {
    /// From bytes to code.
    Compile,
    /// What it imports and exports, and what it needs to start.
    Link,
    /// What it says of itself.
    Describe,
}

/// A component that was compiled, checked, linked and described; ready to be called, from many tasks at once.
pub struct LoadedConnector {
    sandbox: Arc<Sandbox>,
    linked: Linked,
    manifest: Manifest,
    digest: String,
    size: u64,
    imports: Vec<String>,
    exports: Vec<String>,
    contract_version: &'static str,
}

impl Sandbox {
    /// Starts the engine and opens the folder of compiled code.
    pub fn new(options: SandboxOptions) -> Result<Arc<Self>, SandboxError> {
        let SandboxOptions { cache_dir, limits } = options;
        let engine =
            engine::start(limits.size(Limit::Stack)).map_err(|e| SandboxError::Engine(e.into()))?;
        let linker = contract_0_1::linker(&engine).map_err(|e| SandboxError::Engine(e.into()))?;
        let cache =
            CodeCache::open(cache_dir.as_deref()).map_err(|source| SandboxError::Cache {
                path: cache_dir.unwrap_or_default(),
                source,
            })?;
        Ok(Arc::new(Self {
            engine,
            linker,
            cache,
            limits,
            compiling: Arc::new(Semaphore::new(COMPILING)),
        }))
    }

    /// How many components were compiled since the start; those from the folder don't count.
    pub fn compiled(&self) -> u64 {
        self.cache.compiled()
    }

    /// How many components came from the folder of compiled code since the start.
    pub fn reused(&self) -> u64 {
        self.cache.reused()
    }

    /// Loads a component from a file.
    pub async fn load(self: &Arc<Self>, path: &Path) -> Result<Arc<LoadedConnector>, LoadError> {
        let limit = self.limits.component_bytes;
        let path = path.to_owned();
        let bytes = tokio::task::spawn_blocking(move || read(&path, limit))
            .await
            .map_err(|error| LoadError::Host(error.into()))??;
        self.load_bytes(bytes).await
    }

    /// Loads a component from memory.
    pub async fn load_bytes(
        self: &Arc<Self>,
        bytes: Vec<u8>,
    ) -> Result<Arc<LoadedConnector>, LoadError> {
        self.load_watched(bytes, &|_| {}).await
    }

    /// The same, and says which stage begins.
    pub async fn load_watched(
        self: &Arc<Self>,
        bytes: Vec<u8>,
        begins: &(dyn Fn(LoadStage) + Send + Sync),
    ) -> Result<Arc<LoadedConnector>, LoadError> {
        begins(LoadStage::Compile);
        let size = bytes.len() as u64;
        let limit = self.limits.component_bytes;
        if size > limit {
            return Err(LoadError::TooLarge { size, limit });
        }
        is_component(&bytes)?;
        let (component, digest) = self.compile(bytes).await?;

        begins(LoadStage::Link);
        let component_type = component.component_type();
        let names = |names: &mut dyn Iterator<Item = &str>| {
            let mut names: Vec<String> = names.map(str::to_owned).collect();
            names.sort();
            names
        };
        let imports = names(&mut component_type.imports(&self.engine).map(|(name, _)| name));
        let exports = names(&mut component_type.exports(&self.engine).map(|(name, _)| name));
        let refused = listed(imports.iter().filter(|import| !is_granted(import)));
        if !refused.is_empty() {
            // A version of the contract that is unknown here explains the rest.
            if let Some(version) = unknown_version(&exports) {
                return Err(LoadError::ContractVersion { version });
            }
            return Err(LoadError::Imports { refused });
        }
        let contract_version = known_version(&exports)?;
        self.fits_from_the_start(&component)?;

        let linked = Linked::new(&self.linker, &component)
            .map_err(|error| LoadError::Mismatch(format!("{error:#}")))?;
        begins(LoadStage::Describe);
        let manifest = describe(&linked, &self.engine, &self.limits)
            .await
            .map_err(LoadError::Describe)?;
        check::manifest(&manifest).map_err(LoadError::Manifest)?;
        Ok(Arc::new(LoadedConnector {
            sandbox: Arc::clone(self),
            linked,
            manifest,
            digest,
            size,
            imports,
            exports,
            contract_version,
        }))
    }

    /// Compiles on a thread of its own, which can't be stopped but is not waited for beyond the limit, and
    /// keeps its permit until it ends.
    async fn compile(self: &Arc<Self>, bytes: Vec<u8>) -> Result<(Component, String), LoadError> {
        let limit = self.limits.time(Limit::CompileTime);
        let permit = Arc::clone(&self.compiling).acquire_owned();
        let work = async {
            let permit = permit
                .await
                .map_err(|error| LoadError::Host(error.into()))?;
            let (answer, answered) = tokio::sync::oneshot::channel();
            let sandbox = Arc::clone(self);
            std::thread::Builder::new()
                .name("ox-compile".to_owned())
                .spawn(move || {
                    let digest = hex(&Sha256::digest(&bytes));
                    let component = sandbox.cache.component(&sandbox.engine, &digest, &bytes);
                    drop(permit);
                    // Nobody waits any more where the time was up.
                    let _ = answer.send((component, digest));
                })
                .map_err(|error| LoadError::Host(error.into()))?;
            let (component, digest) = answered
                .await
                .map_err(|_| LoadError::Invalid("the compiler gave up on it".to_owned()))?;
            let component = component.map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
            Ok((component, format!("sha256:{digest}")))
        };
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or(Err(LoadError::CompileTime {
                limit: self.limits.compile_time,
            }))
    }

    /// Whether a call could start at all under the default limits.
    fn fits_from_the_start(&self, component: &Component) -> Result<(), LoadError> {
        let Some(needs) = component.resources_required() else {
            return Ok(());
        };
        let limits = &self.limits;
        for (what, needed, limit) in [
            (
                "memory",
                needs
                    .max_initial_memory_size
                    .unwrap_or(0)
                    .saturating_mul(PAGE),
                Limit::Memory,
            ),
            (
                "table elements",
                needs.max_initial_table_size.unwrap_or(0),
                Limit::TableElements,
            ),
            (
                "core memories",
                u64::from(needs.num_memories),
                Limit::Memories,
            ),
            ("core tables", u64::from(needs.num_tables), Limit::Memories),
        ] {
            let allowed = limits.get(limit);
            if needed > allowed {
                return Err(LoadError::NeedsMore {
                    what,
                    needed: limit.unit().show(needed),
                    limit,
                    allowed: limit.unit().show(allowed),
                });
            }
        }
        Ok(())
    }
}

impl LoadedConnector {
    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `sha256:…` of the file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The interfaces that it imports, sorted.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The interfaces that it exports, sorted.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// The version of `ox:connector` that it speaks.
    pub fn contract_version(&self) -> &'static str {
        self.contract_version
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.sandbox.engine
    }

    pub(crate) fn linked(&self) -> &Linked {
        &self.linked
    }
}

/// A file, no further than the limit; the size that the system tells of it may not be true.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let told = file.metadata().map_err(failed)?.len();
    if told > limit {
        return Err(LoadError::TooLarge { size: told, limit });
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// Looks at the first eight bytes: magic, version, layer.
fn is_component(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule),
        _ => {
            let first: Vec<u8> = bytes.iter().copied().take(8).collect();
            Err(LoadError::NotWasm(first.escape_ascii().to_string()))
        }
    }
}

fn unknown_version(exports: &[String]) -> Option<String> {
    contract_version(exports.iter().map(String::as_str))
        .filter(|version| !CONTRACT_VERSIONS.contains(version))
        .map(str::to_owned)
}

fn known_version(exports: &[String]) -> Result<&'static str, LoadError> {
    let Some(version) = contract_version(exports.iter().map(String::as_str)) else {
        return Err(LoadError::NoConnector {
            exports: listed(exports.iter()),
        });
    };
    CONTRACT_VERSIONS
        .iter()
        .copied()
        .find(|known| *known == version)
        .ok_or_else(|| LoadError::ContractVersion {
            version: version.to_owned(),
        })
}

/// The whole list, unless somebody made it long on purpose.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let names: Vec<&String> = names.collect();
    let mut list: Vec<String> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| name.escape_debug().take(200).collect())
        .collect();
    if let Some(more @ 1..) = names.len().checked_sub(MAX_LISTED) {
        list.push(format!("and {more} more"));
    }
    list
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
