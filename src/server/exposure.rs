//! Whether the server may listen where it is told to: what other machines can reach must be secure, or said to be meant so.

use std::net::SocketAddr;

use super::Options;

/// Other machines reach the address, and what they say there is secured by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} can be reached by other machines, and there is no TLS: whoever is on the way reads and changes everything"
)]
pub struct Exposed {
    /// Where it would listen.
    pub address: SocketAddr,
}

impl Exposed {
    /// Both ways out.
    pub const HELP: &'static str = "give --tls-cert and --tls-key (`persona dev-certs` makes some to try with), or say --insecure \
                                    where something before the server does TLS";
}

/// Lets a server listen on this machine's own addresses, with TLS anywhere, and anywhere if that is said to be meant.
///
/// # Errors
/// That it must not listen there as it is.
pub fn may_listen(address: SocketAddr, options: &Options) -> Result<(), Exposed> {
    let stays_here = address.ip().to_canonical().is_loopback();
    if stays_here || options.insecure || options.tls.is_some() { Ok(()) } else { Err(Exposed { address }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tls;

    #[test]
    fn beyond_loopback_there_is_tls_or_it_is_said_to_be_meant() {
        let plain = Options::new("data".into());
        let meant = Options { insecure: true, ..plain.clone() };
        let secure = Options { tls: Some(tls::Options::new("a".into(), "b".into())), ..plain.clone() };
        for inside in ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(may_listen(inside.parse().unwrap(), &plain), Ok(()), "{inside}");
        }
        for outside in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            let address = outside.parse().unwrap();
            assert_eq!(may_listen(address, &plain), Err(Exposed { address }), "{outside}");
            assert_eq!((may_listen(address, &meant), may_listen(address, &secure)), (Ok(()), Ok(())));
        }
    }
}
