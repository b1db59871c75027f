//! The HTTP client of everything that talks to servers: one choice of certificates, redirects and
//! limits.

use std::time::Duration;

use ureq::Agent;

/// A client that returns every status as an answer and never follows a redirect: a request that is
/// sent on would leave its body, its token or its signature behind, or hand them on. `connect` and
/// `whole` limit the time for a connection and for a whole request.
pub fn agent(connect: Duration, whole: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(connect.min(whole)))
        .timeout_per_call(Some(whole))
        .user_agent(concat!("humshift/", env!("CARGO_PKG_VERSION")));
    #[cfg(feature = "https")]
    // Institutes have certificates of their own, which their machines know.
    let config = config.tls_config(
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build(),
    );
    config.build().new_agent()
}
