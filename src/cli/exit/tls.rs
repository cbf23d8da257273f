//! What to do when there is no secure connection.

use crate::client::TlsFault;

/// What to do about it, where there is something.
pub(super) fn advice(fault: &TlsFault) -> Option<String> {
    let help = match fault {
        TlsFault::File { .. } => {
            "name other files with --ca-cert, --client-cert and --client-key, or their settings below [client]"
        }
        TlsFault::NoAuthorities => "name the authority of the registry's certificate with --ca-cert FILE",
        TlsFault::NoTls => {
            "write http:// before the address if it is meant to be plain; turn TLS on at the registry with `persona serve \
             --tls-cert FILE --tls-key FILE`"
        }
        TlsFault::UnknownAuthority => {
            "name its authority with --ca-cert FILE, if this is the registry that you mean; whoever runs it has the file"
        }
        TlsFault::OtherName { .. } => {
            "write the address with a name that the certificate is for, or say with --tls-server-name NAME which it is"
        }
        TlsFault::Expired => "whoever runs the registry puts a new certificate in the place of the old one",
        TlsFault::NotYetValid => "is the clock of this machine right?",
        TlsFault::ClientCertificateRequired => {
            "show one with --client-cert FILE and --client-key FILE; whoever runs the registry issues them"
        }
        TlsFault::ClientCertificateRefused(_) => {
            "show another one with --client-cert FILE and --client-key FILE; whoever runs the registry issues them"
        }
        TlsFault::Other(_) => return None,
    };
    Some(help.to_owned())
}
