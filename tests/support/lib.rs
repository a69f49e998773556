//! The fixture of the black-box suite.
