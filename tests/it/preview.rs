//! `demograph camera --preview`: a film of composites through the real gateway, looked at as a browser does.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use turbojpeg::PixelFormat;

use super::world::{
    Broker, Film, Process, Service, Topic, Walker, composites, metric, with_config,
};

const SIZE: (u32, u32) = (640, 360);
/// The upper side of what the mask covers: nobody walks there.
const MASKED: u32 = 320;

/// One person, and one whose face is too small to be wanted.
fn film(file: &Path) {
    let composites = composites();
    let walker = |number: usize, side, height, speed| Walker {
        composite: composites[17 * number].clone(),
        side,
        enters: 0.0,
        speed,
        height,
    };
    let film = Film {
        size: SIZE,
        fps: 10,
        seconds: 6,
        walkers: vec![walker(0, 120, 30, 130.0), walker(2, 42, 200, -110.0)],
    };
    film.write(file);
}

fn config(topic: &Topic, film: &Path) -> String {
    format!(
        "[kafka]\nbrokers='{}'\ntopic='{}'\n[http]\nlisten='127.0.0.1:0'\n[[camera]]\nid='lobby'\naddress='file://{}'\n\
         options=['-re','-stream_loop','-1']\nfps=10\nmin_face=40\n\
         mask=[[[0.0,0.89],[1.0,0.89],[1.0,1.0],[0.0,1.0]]]\n",
        topic.brokers,
        topic.name,
        film.display()
    )
}

/// Where the gateway says that its preview is: host and port, path.
pub fn place(service: &mut Service) -> (String, String) {
    place_of(&mut service.process)
}

/// The same of any program.
pub fn place_of(process: &mut Process) -> (String, String) {
    let log = process.log_file();
    process.wait_for("it says where the preview is", 60, || {
        let text = std::fs::read_to_string(&log).ok()?;
        let (_, rest) = text.split_once("on this machine:\nhttp://")?;
        let (place, _) = rest.split_once('\n')?;
        let (host, path) = place.split_once('/')?;
        Some((host.to_owned(), format!("/{path}")))
    })
}

/// Somebody who looks at the stream.
pub struct Viewer(pub BufReader<TcpStream>);

impl Viewer {
    /// Asks for a path. HTTP/1.0: the answer is the bytes themselves.
    pub fn ask(host: &str, named: &str, path: &str) -> Self {
        let mut stream = TcpStream::connect(host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {named}\r\n\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The head of the answer.
    pub fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "{head:?}");
        }
        head
    }

    /// Everything, up to the end of the connection.
    fn all(mut self) -> String {
        let mut all = String::new();
        self.0.read_to_string(&mut all).unwrap();
        all
    }

    /// The next JPEG.
    pub fn picture(&mut self) -> Vec<u8> {
        let head = self.head();
        assert!(head.contains("Content-Type: image/jpeg\r\n"), "{head}");
        let (_, length) = head.split_once("Content-Length: ").unwrap();
        let mut jpeg = vec![0; length.trim().parse().unwrap()];
        self.0.read_exact(&mut jpeg).unwrap();
        let mut end = [0; 2];
        self.0.read_exact(&mut end).unwrap();
        assert_eq!(&end, b"\r\n");
        jpeg
    }
}

/// What a picture of the stream shows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Shows {
    /// Pixels in the colour of followed faces, of those that are too small.
    green: usize,
    red: usize,
    /// Whether it is dark behind the mask.
    is_masked: bool,
}

fn shows(jpeg: &[u8]) -> Shows {
    let image = turbojpeg::decompress(jpeg, PixelFormat::RGB).unwrap();
    assert_eq!((image.width, image.height), (640, 360));
    let pixels = || image.pixels.chunks_exact(3);
    let green = |p: &&[u8]| p[1] > 190 && p[0] < 110 && p[2] < 110;
    let red = |p: &&[u8]| p[0] > 200 && p[1] < 90 && p[2] < 90;
    let behind = &image.pixels[(MASKED as usize + 4) * image.pitch..];
    Shows {
        green: pixels().filter(green).count(),
        red: pixels().filter(red).count(),
        is_masked: behind.iter().all(|level| *level < 40),
    }
}

fn read(service: &Service) -> f64 {
    let read = "demograph_camera_frames_total{camera=\"lobby\",outcome=\"read\"}";
    metric(&service.metrics(), read)
}

#[test]
fn the_picture_with_its_boxes_is_in_a_browser_and_who_does_not_read_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file);
    let topic = Broker::shared().topic("preview", 1);
    let mut service =
        Service::camera_with_arguments(&config(&topic, &file), &[], &["--preview", "lobby"]);
    let (host, path) = place(&mut service);
    let said = service.process.stderr();
    assert!(
        said.contains("WARNING: the preview shows people as the camera \"lobby\" sees them"),
        "{said}"
    );
    let stream = format!("{path}stream");
    let page = Viewer::ask(&host, &host, &path).all();
    assert!(
        page.starts_with("HTTP/1.0 200") && page.contains("<img src=\"stream\""),
        "{page}"
    );
    assert!(
        page.contains("This page shows people as the camera lobby sees them"),
        "{page}"
    );

    let mut viewer = Viewer::ask(&host, &host, &stream);
    let head = viewer.head();
    assert!(
        head.contains("multipart/x-mixed-replace; boundary=picture"),
        "{head}"
    );
    for header in [
        "cache-control: no-store",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(head.contains(header), "{head}");
    }
    let mut boundary = String::new();
    viewer.0.read_line(&mut boundary).unwrap();
    let mut best = Shows::default();
    // Two rounds of the film.
    for _ in 0..120 {
        let shows = shows(&viewer.picture());
        viewer.0.read_line(&mut boundary).unwrap();
        // A card of words is grey, and shows nobody.
        assert!(
            shows.is_masked || (shows.green, shows.red) == (0, 0),
            "{shows:?}"
        );
        best.green = best.green.max(shows.green);
        best.red = best.red.max(shows.red);
        best.is_masked |= shows.is_masked;
    }
    assert!(
        boundary.lines().all(|line| line == "--picture"),
        "{boundary}"
    );
    // Boxes around faces of 60 and 25 pixels and more, two pixels thick.
    assert!(
        best.green > 300 && best.red > 100 && best.is_masked,
        "{best:?}"
    );

    // Others who ask, and do not read.
    let mut others: Vec<Viewer> = (0..2).map(|_| Viewer::ask(&host, &host, &stream)).collect();
    for other in &mut others {
        assert!(other.head().contains(" 200 "));
    }
    let fourth = Viewer::ask(&host, &host, &stream).all();
    assert!(
        fourth.contains(" 503 ") && fourth.contains("3 look already"),
        "{fourth}"
    );
    // More pictures than the sockets hold.
    let now = read(&service);
    service.await_metric(
        "demograph_camera_frames_total{camera=\"lobby\",outcome=\"read\"}",
        now + 200.0,
        120,
    );
    drop(viewer);
    drop(others);
    service.process.wait_for("a place is free", 30, || {
        Viewer::ask(&host, &host, &stream)
            .head()
            .contains(" 200 ")
            .then_some(())
    });
    let finished = service.stop();
    assert!(!finished.stderr.contains("ERROR"), "{}", finished.stderr);
}

#[test]
fn the_preview_answers_on_loopback_to_who_knows_its_path_and_only_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mkv");
    film(&file);
    let topic = Broker::shared().topic("preview-door", 1);
    let config = config(&topic, &file);
    let service = Service::camera(&config, &[]);
    assert_eq!(service.process.listens_at().len(), 1);
    assert!(!service.process.stderr().contains("WARNING: the preview"));
    service.stop();
    // Also where /metrics is open to all.
    let open = config.replace("'127.0.0.1:0'", "'0.0.0.0:0'\ninsecure_listen=true");
    let mut service = Service::camera_with_arguments(&open, &[], &["--preview", "lobby"]);
    let (host, path) = place(&mut service);
    let places = service.process.listens_at();
    let on_loopback = places.iter().filter(|place| place.starts_with("0100007F:"));
    assert_eq!((places.len(), on_loopback.count()), (2, 1), "{places:?}");
    let stream = format!("{path}stream");
    for path in [&path, &stream] {
        let answer = Viewer::ask(&host, "evil.example", path).all();
        assert!(
            answer.contains(" 403 ") && !answer.contains("image/jpeg"),
            "{answer}"
        );
        let metrics = service.url.replace("http://0.0.0.0", "127.0.0.1");
        let answer = Viewer::ask(&metrics, &metrics, path).all();
        assert!(answer.contains(" 404 "), "{answer}");
    }
    for unknown in ["/", "/stream", "/000000000000000000000000/stream"] {
        let answer = Viewer::ask(&host, &host, unknown).all();
        assert!(answer.contains(" 404 "), "{answer}");
    }
    service.stop();
    let other = with_config(&config, &["camera", "--preview", "door"]);
    assert_eq!(other.code, Some(1));
    assert!(
        other
            .stderr
            .contains("--preview door: there is no such camera; there are lobby"),
        "{}",
        other.stderr
    );
}
