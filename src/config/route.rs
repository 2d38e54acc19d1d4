//! The route to a server: the address it starts from, and the proxy or program it goes through.
//! Connects to nothing.

use std::path::Path;

use crate::config::error::Error;
use crate::config::paths;
use crate::config::settings::{At, Settings};
use crate::config::values::via::Via;
use crate::net::{Endpoint, Route, Tunnel};

/// Returns the route that an account takes to an endpoint.
///
/// # Errors
/// A key that has no meaning for this endpoint or together with another key.
pub(super) fn route(
    settings: &Settings,
    endpoint: &Endpoint,
    secret_variables: &[String],
    home: Option<&Path>,
) -> Result<Route, Error> {
    let Some(at) = &settings.via else {
        let source = settings.source_address.as_deref();
        refuse_unix(source, endpoint)?;
        return Ok(Route::Direct(source.map(|at| at.value)));
    };
    refuse_unix(Some(at), endpoint)?;
    Ok(match &at.value {
        Via::Proxy(proxy) => {
            let source = settings.source_address.as_ref().map(|at| at.value);
            Route::Proxy(proxy.clone(), source)
        }
        Via::Tunnel(words) => {
            if let Some(source) = &settings.source_address {
                return Err(source.wrong("has no meaning with tunnel-command"));
            }
            Route::Tunnel(Tunnel {
                command: paths::program(at, words, home)?,
                hidden_variables: secret_variables.to_vec(),
            })
        }
    })
}

fn refuse_unix<T>(at: Option<&At<T>>, endpoint: &Endpoint) -> Result<(), Error> {
    match (at, endpoint) {
        (Some(at), Endpoint::Unix(_)) => Err(at.wrong("has no meaning for a Unix socket")),
        _ => Ok(()),
    }
}
