//! README.md is the specification: it cannot drift from the code.
