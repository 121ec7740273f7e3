//! The transport over `wasi:http`.
