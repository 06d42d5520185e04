//! Holds the integration tests together; the tests are in `tests/`.
