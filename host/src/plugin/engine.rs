//! The wasmtime engine: one function builds its configuration, so that everything that compiles, caches or
//! runs a component agrees on it, and one thread ticks its clock.
//!
//! What is switched off is off because no connector needs it and each was the subject of an advisory:
//! garbage collection, exceptions, threads, 64-bit memories, component-model async. `Winch` is never used.
//! Instances are allocated on demand, not from a pool: nothing of one call can be left over for the next.

use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, Strategy, WasmBacktraceDetails};

/// How often running code looks up. A call's CPU time is checked, and other calls get their turn, once a tick.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack that host functions have above the component's, in bytes.
const HOST_STACK: usize = 1536 << 10;

/// Largest stack of a component's code, in bytes: each call maps one.
const MAX_STACK: usize = 64 << 20;

/// The configuration of every engine of this host. A recursion deeper than `stack` bytes is a trap, not an
/// overflow of the host.
fn config(stack: usize) -> Config {
    let stack = stack.min(MAX_STACK);
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack + HOST_STACK)
        .wasm_component_model(true)
        .wasm_component_model_async(false)
        .concurrency_support(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .gc_support(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// An engine, and the thread that ticks it for as long as it lives.
///
/// The thread is a plain one: on the executor it would stand behind the very calls it has to interrupt.
pub(crate) fn start(stack: usize) -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config(stack))?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("ox-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(engine)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    fn fingerprint(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn two_engines_can_use_each_others_code() {
        assert_eq!(
            fingerprint(&start(512 << 10).unwrap()),
            fingerprint(&start(512 << 10).unwrap())
        );
    }

    #[test]
    fn a_component_with_threads_or_garbage_collection_is_not_even_valid() {
        let engine = start(512 << 10).unwrap();
        // A core module with a shared memory: magic, version, memory section {shared, 1..1}.
        let shared = b"\0asm\x01\0\0\0\x05\x04\x01\x03\x01\x01";
        assert!(wasmtime::Module::validate(&engine, shared).is_err());
        // A core module whose only type is an empty struct of the garbage-collection proposal.
        let structure = b"\0asm\x01\0\0\0\x01\x03\x01\x5f\x00";
        assert!(wasmtime::Module::validate(&engine, structure).is_err());
        // The same shapes without the proposals are fine, so it is not the bytes that are wrong.
        assert!(
            wasmtime::Module::validate(&engine, b"\0asm\x01\0\0\0\x05\x04\x01\x01\x01\x01").is_ok()
        );
    }
}
