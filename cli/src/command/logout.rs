//! `waxseal logout`.

use waxseal_oci::RegistryName;

use crate::args::logout::LogoutArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{self, escape};
use crate::session::sources;

/// Forgets the credentials of a registry.
pub(crate) async fn run(args: &LogoutArgs) -> Result<Exit, Fault> {
    let registry: RegistryName = args.registry.parse::<RegistryName>()?;
    let sources = sources();
    let forgotten = sources.forget(&registry).await?;
    match (&forgotten.helper, &forgotten.path) {
        (None, None) => output::talk(&format!("{registry}: no credentials were kept")),
        (Some(helper), _) => {
            output::talk(&format!(
                "{registry}: docker-credential-{} has forgotten the credentials",
                escape(helper)
            ));
        }
        (None, Some(path)) => output::talk(&format!(
            "{registry}: the credentials were removed from {}",
            escape(&path.display().to_string())
        )),
    }
    if !sources.of_registry(&registry).await?.is_anonymous() {
        output::talk(
            "warning: another file still has credentials for it: look at $REGISTRY_AUTH_FILE, \
             $XDG_RUNTIME_DIR/containers/auth.json and ~/.config/containers/auth.json",
        );
    }
    Ok(Exit::Done)
}
