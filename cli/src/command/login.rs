//! `waxseal login`.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use waxseal_core::limits::KEY_FILE_BYTES;
use waxseal_oci::credential::Kept;
use waxseal_oci::registry::{Login, LoginCheck};
use waxseal_oci::{Client, Credential, ErrorKind, RegistryName, Secret};
use zeroize::Zeroizing;

use crate::args::login::LoginArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::password::{Part, from_standard_input};
use crate::session::{options, sources};

const HINT: &str = "give --username and --password-stdin, or set WAXSEAL_REGISTRY_PASSWORD";

/// Tries credentials, and keeps them.
pub(crate) async fn run(args: &LoginArgs, offline: bool) -> Result<Exit, Fault> {
    let registry: RegistryName = args.registry.parse::<RegistryName>()?;
    let user = user(args)?;
    let password = password(args, &user)?;
    let credential = Credential::basic(user.clone(), password);
    let mut options = options(&args.connection, offline)?;
    options.login = Some(Login::new(registry.to_string(), credential.clone()));
    let checked = Client::new(options)?.check_login(&registry).await.map_err(refused)?;
    let sources = sources();
    match sources.keep(&registry, &credential).await? {
        Kept::Helper { name, .. } => output::talk(&format!(
            "{registry}: logged in as {}; docker-credential-{} keeps the credentials",
            escape(&user),
            escape(&name)
        )),
        Kept::File { path } => {
            output::talk(&format!(
                "{registry}: logged in as {}; the credentials are kept in {}",
                escape(&user),
                escape(&path.display().to_string())
            ));
            output::talk(
                "warning: they are not encrypted there: name a credential helper in that file (credsStore) for that",
            );
        }
        _ => {}
    }
    if checked != LoginCheck::Accepted {
        output::talk(
            "warning: the registry lets everybody in at its door, so the credentials could not be tried",
        );
    }
    let found = sources.of_registry(&registry).await?;
    if !is_same(&found, &credential) {
        output::talk(
            "warning: another file wins for this registry, with other credentials: look at $REGISTRY_AUTH_FILE",
        );
    }
    Ok(Exit::Done)
}

fn is_same(found: &Credential, kept: &Credential) -> bool {
    match (found, kept) {
        (Credential::Basic { user, password }, Credential::Basic { user: name, password: secret }) => {
            user == name && password.expose() == secret.expose()
        }
        _ => false,
    }
}

/// Refused credentials are what this command is about, and no trouble of the network.
pub(super) fn refused(error: waxseal_oci::Error) -> Fault {
    let kind = error.kind();
    let fault = Fault::from(error);
    match kind {
        ErrorKind::Unauthorized | ErrorKind::Forbidden => fault
            .into_configuration()
            .hint("check user and password; some registries want a token in its place"),
        ErrorKind::ForeignRealm => fault.into_configuration(),
        _ => fault,
    }
}

fn user(args: &LoginArgs) -> Result<String, Fault> {
    if let Some(user) = &args.username {
        return Ok(user.clone());
    }
    if args.password_stdin || !std::io::stdin().is_terminal() {
        return Err(Fault::usage("a user is needed, and none was given").hint(HINT));
    }
    output::ask("User: ");
    let mut line = String::new();
    std::io::stdin().lock().take(KEY_FILE_BYTES).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn password(args: &LoginArgs, user: &str) -> Result<Secret, Fault> {
    let text = if args.password_stdin {
        // A flag that was typed wins over a variable that happens to be set; clap cannot tell them apart.
        from_standard_input(Part::All).map_err(|fault| fault.hint(HINT))?
    } else if let Some(password) = &args.password {
        Zeroizing::new(password.clone())
    } else if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("Password of {}: ", escape(user)))
            .map(Zeroizing::new)
            .map_err(|error| Fault::configuration(format!("the password cannot be read: {error}")))?
    } else {
        return Err(Fault::usage("a password is needed, and none was given").hint(HINT));
    };
    if text.is_empty() {
        return Err(Fault::configuration("the password is empty").hint(HINT));
    }
    Ok(Secret::new(text.as_str()))
}
