//! The floor that `bench/run` compares servers with: a loop that receives once, and sends the same
//! bytes for any request. A server that answers each request individually can hardly need less,
//! except that with large files it may gain from the amount that it leaves to the kernel.
//!
//! - `floor PORT FILE`: the file has the response.
//! - `floor PORT FILE close`: the connection closes after it.
//! - `floor PORT FILE CONTENT`: the content of another file follows by `sendfile`.

use mio::event::Event;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, acceptfrom_with, recv, send};
use slab::Slab;
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;

type Anything<T> = Result<T, Box<dyn std::error::Error>>;

/// The response to every request.
struct Answer {
    bytes: Vec<u8>,
    content: Option<Content>,
    closes: bool,
}

struct Content {
    file: File,
    length: u64,
}

struct Connection {
    socket: OwnedFd,
    /// The number of content bytes sent, if a response is in progress.
    sent: Option<u64>,
    waits_for_room: bool,
}

fn main() -> Anything<()> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("no port")?.parse()?;
    let bytes = fs::read(arguments.next().ok_or("no file")?)?;
    let last = arguments.next();
    let answer = Answer {
        bytes,
        closes: last.as_deref() == Some("close"),
        content: match last.as_deref() {
            None | Some("close") => None,
            Some(path) => Some(Content {
                file: File::open(path)?,
                length: fs::metadata(path)?.len(),
            }),
        },
    };
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into())?;
    // Accepted sockets inherit the option.
    socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut request = vec![0; 32 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, poll.registry(), &mut connections)?;
                continue;
            }
            let Some(connection) = connections.get_mut(event.token().0) else {
                continue;
            };
            let goes_on = connection
                .go_on(event, &answer, &mut request, poll.registry())
                .unwrap_or(false);
            if !goes_on {
                connections.remove(event.token().0);
            }
        }
    }
}

impl Connection {
    /// Answers received bytes, or continues sending. Returns `true` if more may follow.
    fn go_on(
        &mut self,
        event: &Event,
        answer: &Answer,
        request: &mut [u8],
        registry: &Registry,
    ) -> io::Result<bool> {
        if self.sent.is_none() {
            match recv(&self.socket, request, RecvFlags::empty()) {
                Ok((0, _)) => return Ok(false),
                Err(Errno::AGAIN) => return Ok(true),
                received => received?,
            };
            // The content, or the end, should share a segment with it.
            let flags = if answer.closes || answer.content.is_some() {
                SendFlags::NOSIGNAL | SendFlags::MORE
            } else {
                SendFlags::NOSIGNAL
            };
            if send(&self.socket, &answer.bytes, flags)? < answer.bytes.len() || answer.closes {
                return Ok(false);
            }
            self.sent = answer.content.as_ref().map(|_| 0);
        }
        if let Some(content) = &answer.content {
            let is_full = self.send_content(content)?;
            if is_full != self.waits_for_room {
                self.waits_for_room = is_full;
                let interest = if is_full {
                    Interest::READABLE | Interest::WRITABLE
                } else {
                    Interest::READABLE
                };
                let descriptor = self.socket.as_raw_fd();
                registry.reregister(&mut SourceFd(&descriptor), event.token(), interest)?;
            }
        }
        Ok(true)
    }

    /// Sends as much as fits. Returns `true` if not everything fitted.
    fn send_content(&mut self, content: &Content) -> io::Result<bool> {
        while let Some(sent) = &mut self.sent {
            let rest = usize::try_from(content.length - *sent).unwrap_or(usize::MAX);
            match sendfile(&self.socket, &content.file, Some(sent), rest) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(Errno::AGAIN) => return Ok(true),
                taken => taken?,
            };
            if *sent == content.length {
                self.sent = None;
            }
        }
        Ok(false)
    }
}

fn accept(
    listener: &TcpListener,
    registry: &Registry,
    connections: &mut Slab<Connection>,
) -> Anything<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    while let Ok((socket, _)) = acceptfrom_with(listener, flags) {
        let descriptor = socket.as_raw_fd();
        let token = Token(connections.insert(Connection {
            socket,
            sent: None,
            waits_for_room: false,
        }));
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
    }
    Ok(())
}

const LISTENER: Token = Token(usize::MAX);
