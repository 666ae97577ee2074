//! `--preview NAME`: the pictures of one camera in a browser on this machine, with a warning on the screen.

use demograph_core::record::SourceId;
use demograph_gateway::Preview;
use demograph_service::http::{self, Endpoint};

/// On loopback, whatever http.listen says.
const LISTEN: &str = "127.0.0.1:9466";
/// Where that one is taken.
const FREE: &str = "127.0.0.1:0";

/// Opens the preview of a camera, and says what it shows and to whom.
pub(super) fn open<'a>(
    name: &str,
    cameras: impl Iterator<Item = &'a SourceId> + Clone,
) -> anyhow::Result<(Preview, Endpoint)> {
    let preview = Preview::of(name, cameras)?;
    let endpoint = http::serve_beside(LISTEN, preview.routes())
        .or_else(|_taken| http::serve_beside(FREE, preview.routes()))?;
    eprintln!(
        "WARNING: the preview shows people as the camera {name:?} sees them, to everyone who opens this address on this machine:\n\
         http://{}{}\n\
         Nothing is stored. End it (Ctrl-C) when the camera is aimed.",
        endpoint.address,
        preview.path()
    );
    Ok((preview, endpoint))
}
