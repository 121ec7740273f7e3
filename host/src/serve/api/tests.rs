//! Conventions of the API.
