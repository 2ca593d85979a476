//! In conversations over TLS, valid or not, no data is lost, duplicated or invented, and nothing
//! panics. `converse` describes what the bytes mean.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| millpond::server::converse(input));
