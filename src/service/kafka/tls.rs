//! Says why a broker's certificate is not accepted: librdkafka only says that it is not. Shakes hands once more, without
//! name or password, and lets OpenSSL tell an unknown CA, another name and a date that has passed apart.

#![expect(
    unsafe_code,
    reason = "calls OpenSSL, which says why a certificate is refused"
)]
use std::{
    ffi::{CStr, CString, c_void},
    net::{IpAddr, TcpStream, ToSocketAddrs},
    os::fd::AsRawFd,
    ptr,
    time::Duration,
};

use openssl_sys as openssl;

/// How long connecting and each answer may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// OpenSSL's words for what is wrong with the certificate at `host:port`. `None` if nothing is wrong, or nothing answers
/// there.
pub(super) fn complaint(address: &str, ca: Option<&str>) -> Option<String> {
    let (host, _) = address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let address = address.to_socket_addrs().ok()?.next()?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(TIMEOUT)).ok()?;
    let name = CString::new(host).ok()?;
    let ca = ca.map(CString::new).transpose().ok()?;
    // SAFETY: every pointer is checked or from the call above it; `connection` owns the BIO, `context` and
    // `connection` are freed once, and the socket and the names outlive them.
    unsafe {
        let context = openssl::SSL_CTX_new(openssl::TLS_client_method());
        if context.is_null() {
            return None;
        }
        match &ca {
            Some(ca) => {
                openssl::SSL_CTX_load_verify_locations(context, ca.as_ptr(), ptr::null());
            }
            None => {
                openssl::SSL_CTX_set_default_verify_paths(context);
            }
        }
        let connection = openssl::SSL_new(context);
        let socket = openssl::BIO_new_socket(stream.as_raw_fd(), 0);
        let mut words = None;
        if !connection.is_null() && !socket.is_null() {
            openssl::SSL_set_bio(connection, socket, socket);
            expect_name(connection, host, &name);
            // Accepts any certificate, since nothing is sent; the verdict is asked for afterwards.
            if openssl::SSL_connect(connection) == 1 {
                words = verdict(openssl::SSL_get_verify_result(connection));
            }
        }
        openssl::SSL_free(connection);
        openssl::SSL_CTX_free(context);
        words
    }
}

/// # Safety
/// `connection` is alive and has not shaken hands yet.
unsafe fn expect_name(connection: *mut openssl::SSL, host: &str, name: &CStr) {
    // SAFETY: the caller's promise; OpenSSL copies what it is given.
    unsafe {
        let parameters = openssl::SSL_get0_param(connection);
        let bytes = match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Ok(IpAddr::V6(ip)) => ip.octets().to_vec(),
            Err(_) => {
                openssl::X509_VERIFY_PARAM_set1_host(parameters, name.as_ptr(), host.len());
                openssl::SSL_ctrl(
                    connection,
                    openssl::SSL_CTRL_SET_TLSEXT_HOSTNAME,
                    openssl::TLSEXT_NAMETYPE_host_name.into(),
                    name.as_ptr() as *mut c_void,
                );
                return;
            }
        };
        openssl::X509_VERIFY_PARAM_set1_ip(parameters, bytes.as_ptr(), bytes.len());
    }
}

fn verdict(code: std::ffi::c_long) -> Option<String> {
    if code == std::ffi::c_long::from(openssl::X509_V_OK) {
        return None;
    }
    // SAFETY: OpenSSL has a text for every code, and it lives for ever.
    let words = unsafe { CStr::from_ptr(openssl::X509_verify_cert_error_string(code)) };
    Some(words.to_string_lossy().into_owned())
}
