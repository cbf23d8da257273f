//! `persona dev-certs`: certificates to try TLS with, of an authority whose key is thrown away at once.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use uuid::Uuid;

use super::form::Form;
use super::output::printable;
use super::{Failure, Outcome, Output, shape};
use crate::client::is_server_name;
use crate::disk;
use crate::document::named;
use crate::domain::{Clock as _, Name, SystemClock, Timestamp};
use crate::wire;

/// Make certificates to try TLS with: an authority, a server's certificate and a client's. They are for trying only
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder that they go into
    #[arg(default_value = "dev-certs", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,

    /// Another name or IP address of the server, beside localhost, 127.0.0.1 and ::1; may be given several times
    #[arg(long = "name", value_name = "HOST", value_parser = host)]
    names: Vec<String>,

    /// Whom a client certificate is for; may be given several times
    #[arg(long = "client", value_name = "NAME", value_parser = named::<Name>, default_value = "dev")]
    clients: Vec<Name>,

    /// How many days they are valid
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650), default_value_t = 30)]
    days: u32,

    /// Replace what is there
    #[arg(long)]
    force: bool,

    /// What to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,
}

const EXAMPLES: &str = "\
The key of the authority is kept nowhere: nobody can issue more in its name, and all are made anew together.

Examples:
  persona dev-certs
  persona dev-certs certs --name registry.test --client ci --days 7
  persona serve --tls-cert dev-certs/server.pem --tls-key dev-certs/server-key.pem
  persona list --server https://localhost:50051 --ca-cert dev-certs/ca.pem";

fn host(text: &str) -> Result<String, String> {
    if is_server_name(text) {
        return Ok(text.to_owned());
    }
    Err("this is neither the name of a host nor an IP address, such as registry.test".to_owned())
}

/// A file that is made.
struct Made {
    path: PathBuf,
    content: String,
}

/// A certificate and its key.
struct Pair {
    cert: Made,
    key: Made,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut clients: Vec<&str> = args.clients.iter().map(Name::as_str).collect();
    clients.sort_unstable();
    clients.dedup();
    let names = ["localhost", "127.0.0.1", "::1"].into_iter().chain(args.names.iter().map(String::as_str));
    let mut names: Vec<String> = names.map(ToOwned::to_owned).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let now = SystemClock.now();
    let end = now.after(Duration::from_secs(u64::from(args.days) * 24 * 60 * 60));
    let made =
        make(&args.dir, &names, &clients, (now, end)).map_err(|error| Failure::Server(Box::new(error)))?;
    let (ca, server, certified) = &made;
    let pairs = || std::iter::once(server).chain(certified);
    let files = || std::iter::once(ca).chain(pairs().flat_map(|pair| [&pair.cert, &pair.key]));
    if let (Some(there), false) = (files().find(|file| file.path.exists()), args.force) {
        return Err(Failure::Io {
            what: format!("will not write over {}", there.path.display()),
            source: io::ErrorKind::AlreadyExists.into(),
            help: Some("name another folder, or say --force to replace what is there".to_owned()),
        });
    }
    disk::create_private_dir(&args.dir)
        .map_err(|source| Failure::io(format!("cannot make {}", args.dir.display()), source))?;
    for file in files() {
        write(file).map_err(|source| Failure::io(format!("cannot write {}", file.path.display()), source))?;
    }
    let shown = |path: &Path| path.display().to_string();
    let told = shape::DevCerts {
        folder: shown(&args.dir),
        ca: shown(&ca.path),
        cert: shown(&server.cert.path),
        key: shown(&server.key.path),
        names,
        clients: clients
            .iter()
            .zip(certified)
            .map(|(name, pair)| shape::DevClient {
                name: (*name).to_owned(),
                cert: shown(&pair.cert.path),
                key: shown(&pair.key.path),
            })
            .collect(),
        expire_time: shape::moment(wire::timestamp(end)),
    };
    match args.output {
        Form::Json => out.json(&told)?,
        Form::Yaml => out.yaml(&told)?,
        Form::Text => tell(&told, out)?,
    }
    out.warning("these certificates are for trying only: never let a registry that matters trust them");
    Ok(Outcome::Done)
}

fn tell(told: &shape::DevCerts, out: &mut Output) -> Result<(), Failure> {
    let shown = |path: &str| printable(path);
    out.line(&format!("authority  {}", shown(&told.ca)))?;
    out.line(&format!("server     {}  for {}", shown(&told.cert), told.names.join(", ")))?;
    for client in &told.clients {
        out.line(&format!("client     {}  for {}", shown(&client.cert), client.name))?;
    }
    out.say(&format!("valid until {}; the key of each lies beside it, for its owner only", told.expire_time));
    out.say("");
    out.say("try it:");
    let (ca, cert, key) = (shown(&told.ca), shown(&told.cert), shown(&told.key));
    out.say(&format!("  persona serve --tls-cert {cert} --tls-key {key}"));
    out.say(&format!("  persona list --server https://localhost:50051 --ca-cert {ca}"));
    if let Some(client) = told.clients.first() {
        out.say("and with clients that show a certificate:");
        out.say(&format!("  persona serve --tls-cert {cert} --tls-key {key} --tls-client-ca {ca}"));
        out.say(&format!(
            "  persona list --server https://localhost:50051 --ca-cert {ca} --client-cert {} --client-key {}",
            shown(&client.cert),
            shown(&client.key)
        ));
    }
    Ok(())
}

/// An authority, a server's certificate and one for each client, in memory.
fn make(
    dir: &Path,
    names: &[String],
    clients: &[&str],
    validity: (Timestamp, Timestamp),
) -> Result<(Made, Pair, Vec<Pair>), rcgen::Error> {
    let mut authority = params(Vec::new(), "persona dev-certs authority", validity)?;
    // Two authorities of one name would be taken for one another, and the error would mislead.
    authority.distinguished_name.push(DnType::OrganizationalUnitName, Uuid::new_v4().to_string());
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let pair = |names: Vec<String>, common: &str, purpose: ExtendedKeyUsagePurpose, file: &str| {
        let mut params = params(names, common, validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &authority)?;
        Ok::<_, rcgen::Error>(Pair {
            cert: Made { path: dir.join(format!("{file}.pem")), content: certificate.pem() },
            key: Made { path: dir.join(format!("{file}-key.pem")), content: key.serialize_pem() },
        })
    };
    let server = pair(names.to_vec(), "persona dev server", ExtendedKeyUsagePurpose::ServerAuth, "server")?;
    let clients = clients
        .iter()
        .map(|name| pair(Vec::new(), name, ExtendedKeyUsagePurpose::ClientAuth, &format!("client-{name}")));
    let clients = clients.collect::<Result<_, _>>()?;
    Ok((Made { path: dir.join("ca.pem"), content: authority.pem() }, server, clients))
}

/// What all have in common. They begin an hour ago: clocks differ.
fn params(
    names: Vec<String>,
    common: &str,
    (now, end): (Timestamp, Timestamp),
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let at = |time: Timestamp| {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(time.0 / 1_000_000).unwrap_or(0))
    };
    (params.not_before, params.not_after) = (at(now.before(Duration::from_secs(60 * 60))), at(end));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    Ok(params)
}

/// Writes a file that is its owner's alone, whole or not at all: a server may be reading what it replaces.
fn write(file: &Made) -> io::Result<()> {
    let mut part = file.path.file_name().unwrap_or_default().to_owned();
    part.push(".part");
    let part = file.path.with_file_name(part);
    disk::replace(&file.path, &part, file.content.as_bytes())
}
