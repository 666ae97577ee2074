//! The one integration binary. Pure checks need nothing; the rest runs real parts, which `make test` sets up.

#[cfg(feature = "page")]
mod attack;
mod attacker;
mod backlog;
mod bounds;
#[cfg(feature = "gateway")]
mod camera;
mod canary;
mod checking;
mod checkpoints;
mod clocks;
mod commands;
mod compact;
mod contracts;
mod corpus;
mod crash_points;
#[cfg(feature = "gateway")]
mod crossing;
mod dashboards;
mod dependencies;
mod deployment;
#[cfg(feature = "camera")]
mod detect;
mod door;
mod end_to_end;
mod estimates;
mod evaluate;
mod experiment;
#[cfg(feature = "gateway")]
mod film_shares;
#[cfg(feature = "gateway")]
mod gateway;
#[cfg(feature = "page")]
mod guard;
mod hours;
mod kubernetes;
mod layers;
mod lost_data;
mod lost_state;
mod malformed;
mod metrics_endpoint;
mod model;
mod no_answer;
mod object_store;
#[cfg(feature = "gateway")]
mod observability;
#[cfg(feature = "page")]
mod open_pages;
#[cfg(feature = "page")]
mod openapi;
mod openvino;
mod outage;
mod overlap;
#[cfg(feature = "page")]
mod page;
#[cfg(feature = "page")]
mod page_many;
#[cfg(feature = "page")]
mod page_numbers;
#[cfg(feature = "page")]
mod page_of_tables;
#[cfg(feature = "page")]
mod peers_tls;
mod presences;
#[cfg(feature = "gateway")]
mod preview;
mod producers;
mod rebalance;
mod secured;
mod simulation;
#[cfg(feature = "page")]
mod site;
mod store_faults;
#[cfg(all(feature = "page", feature = "top"))]
mod tables_of_others;
mod tools;
#[cfg(all(feature = "page", feature = "top"))]
mod top;
mod torture;
mod track_key;
mod transactions;
#[cfg(feature = "gateway")]
mod watch;
mod world;
