//! Child processes on a leash: killed when dropped, and by the kernel when the test binary ends in any way.

use std::{
    fs::File,
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::{
        OnceLock,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A program that is still running, or has ended by itself.
pub struct Process {
    name: String,
    child: Child,
    output: TempDir,
}

/// What a program left behind.
pub struct Finished {
    pub code: Option<i32>,
    /// What killed it, if anything did.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A command for [`Process::start`].
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program.as_ref());
    command
}

impl Process {
    /// Starts it; what it prints is kept.
    pub fn start(name: &str, mut command: Command) -> Self {
        let output = tempfile::tempdir().unwrap();
        command
            .stdout(File::create(output.path().join("stdout")).unwrap())
            .stderr(File::create(output.path().join("stderr")).unwrap());
        let child = spawn(command).unwrap_or_else(|error| {
            panic!("{name} does not start: {error} (setpriv is part of util-linux)")
        });
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    pub fn stdout(&self) -> String {
        read(self.stdout_file())
    }

    pub fn stderr(&self) -> String {
        read(self.log_file())
    }

    /// Where it prints to.
    pub fn stdout_file(&self) -> PathBuf {
        self.output.path().join("stdout")
    }

    /// Where its log goes.
    pub fn log_file(&self) -> PathBuf {
        self.output.path().join("stderr")
    }

    /// Looks again and again until there is an answer; panics with the log if there is none in time, or if the
    /// program ends meanwhile.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        seconds: u64,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let deadline = Deadline::after(seconds);
        loop {
            if let Some(answer) = look() {
                return answer;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "{} ended ({status}) before {what}\n{}",
                    self.name,
                    self.log()
                );
            }
            if deadline.is_over() {
                panic!(
                    "{}: not within {seconds} s: {what}\n{}",
                    self.name,
                    self.log()
                );
            }
            pause();
        }
    }

    /// Waits for its end.
    pub fn finish(mut self, seconds: u64) -> Finished {
        let deadline = Deadline::after(seconds);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Finished {
                    code: status.code(),
                    signal: status.signal(),
                    stdout: self.stdout(),
                    stderr: self.stderr(),
                };
            }
            if deadline.is_over() {
                panic!(
                    "{} has not ended within {seconds} s\n{}",
                    self.name,
                    self.log()
                );
            }
            pause();
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Asks it to end, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -\"$1\" \"$2\"", "sh", name, &pid])
            .status()
            .unwrap();
        assert!(
            status.success(),
            "{} was not running any more\n{}",
            self.name,
            self.log()
        );
    }

    /// Its resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = read(PathBuf::from(format!("/proc/{}/status", self.child.id())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .unwrap_or_else(|| panic!("{} has no memory\n{}", self.name, self.log()))
            .parse()
            .unwrap()
    }

    /// The CPU time that it has used, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = read(PathBuf::from(format!("/proc/{}/stat", self.child.id())));
        // The name in parentheses may hold spaces. Linux counts in hundredths of a second here.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks: f64 = [11, 12]
            .iter()
            .map(|&at| fields[at].parse::<f64>().unwrap())
            .sum();
        ticks / 100.0
    }

    /// What the kernel says of each of its threads that is running still.
    pub fn thread_statuses(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let threads = tasks.into_iter().flatten().flatten();
        threads
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
            .collect()
    }

    /// The addresses at which it listens, as the kernel writes them: 0100007F:1F90.
    pub fn listens_at(&self) -> Vec<String> {
        let sockets: Vec<String> = self
            .open_files()
            .filter_map(|(_, to)| {
                let number = to.strip_prefix("socket:[")?.strip_suffix(']')?;
                Some(number.to_owned())
            })
            .collect();
        let table = read(PathBuf::from(format!("/proc/{}/net/tcp", self.child.id())));
        let lines = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines
            .filter(|words| {
                words.get(3) == Some(&"0A") && sockets.iter().any(|one| one == words[9])
            })
            .map(|words| words[1].to_owned())
            .collect()
    }

    /// The files on a disk that it writes to now, but for what it prints.
    pub fn writes_to(&self) -> Vec<String> {
        let info = |number: &str| format!("/proc/{}/fdinfo/{number}", self.child.id());
        let writes = |number: &str| {
            let info = std::fs::read_to_string(info(number)).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
            flags.is_some_and(|flags| flags & 0b11 != 0)
        };
        let own = self.output.path().display().to_string();
        self.open_files()
            .filter(|(number, to)| {
                let is_file = to.starts_with('/') && !to.starts_with("/dev/");
                is_file && !to.starts_with(&own) && writes(number)
            })
            .map(|(_, to)| to)
            .collect()
    }

    /// Its open files: their numbers, and what is behind them.
    fn open_files(&self) -> impl Iterator<Item = (String, String)> {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        files.flatten().filter_map(|file| {
            let to = std::fs::read_link(file.path()).ok()?;
            let number = file.file_name().to_string_lossy().into_owned();
            Some((number, to.display().to_string()))
        })
    }

    fn log(&self) -> String {
        format!(
            "--- stdout of {0}\n{1}--- stderr of {0}\n{2}---",
            self.name,
            self.stdout(),
            self.stderr()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn read(path: PathBuf) -> String {
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An order to the thread that starts everything.
type Order = (Command, SyncSender<io::Result<Child>>);

/// The kernel's leash hangs on the thread that started the child, so one thread that lives as long as the test
/// binary starts them all.
fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<SyncSender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, inbox) = sync_channel::<Order>(0);
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                answer.send(command.spawn()).expect("somebody waits for it");
            }
        });
        orders
    });
    let (answer, outcome) = sync_channel(1);
    starter
        .send((command, answer))
        .expect("the starter never ends");
    outcome.recv().expect("the starter answers")
}

struct Deadline(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "tests wait for other processes, which cannot wake them"
)]
impl Deadline {
    fn after(seconds: u64) -> Self {
        Self(Instant::now() + Duration::from_secs(seconds))
    }

    fn is_over(&self) -> bool {
        Instant::now() > self.0
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rhythm of looking at a condition, never the condition"
)]
fn pause() {
    thread::sleep(LOOK_EVERY);
}
