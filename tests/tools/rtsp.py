"""A camera: an RTSP server on loopback that shows a film, from its beginning to everyone who connects.

Usage: rtsp.py PORT FILM.mkv [USER PASSWORD]. The film is H.264. The path is /main. With USER only those are let in who know the
password (digest). It says "ready" when it listens, and ends when it is killed.
Needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-good.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def guard(server, factory, user, password):
    """Lets in who knows the password."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for right in ["access", "construct"]:
        permissions.add_permission_for_role("viewer", f"media.factory.{right}", True)
    factory.set_permissions(permissions)


def main(port, film, *login):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{film}" ! matroskademux ! rtph264pay name=pay0 pt=96 config-interval=1 )'
    )
    if login:
        guard(server, factory, *login)
    server.get_mount_points().add_factory("/main", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen at port {port}")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
