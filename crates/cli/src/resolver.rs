//! How the static program looks names up: in `/etc/hosts`, then in the DNS.
//!
//! The C library of GNU does what `/etc/nsswitch.conf` says, by modules that it loads. A static
//! program would load them with a second C library beside them, and where that is of another
//! version than its own, the program dies. These two it has in itself (since version 2.34).

#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
#[expect(unsafe_code, reason = "the C library's, and in no crate")]
pub(crate) fn without_modules() {
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    // SAFETY: both are strings as C has them, and are copied. No other thread looks names up: this
    // is before the first one.
    let refused = unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
    assert_eq!(refused, 0, "the C library has both services in itself");
}

/// A dynamic program has one C library, and musl loads nothing.
#[cfg(not(all(target_env = "gnu", target_feature = "crt-static")))]
pub(crate) const fn without_modules() {}
