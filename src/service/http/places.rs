//! Places that requests or connections take: so many in all, and so many of one address.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The places. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Places {
    all: usize,
    of_one: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// The address has as many as one may have.
    OfOne,
}

impl Places {
    /// So many in all, and so many for one address.
    pub fn new(all: usize, of_one: usize) -> Self {
        Self {
            all,
            of_one,
            taken: Arc::default(),
        }
    }

    /// A place, unless there is none.
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken
            .get(&address)
            .is_some_and(|&of_one| of_one >= self.of_one)
        {
            return Err(Full::OfOne);
        }
        if taken.values().sum::<usize>() >= self.all {
            return Err(Full::All);
        }
        *taken.entry(address).or_default() += 1;
        Ok(Place {
            places: self.clone(),
            address,
        })
    }
}

/// One of them; it is free again when this goes.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.places.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = taken.get_mut(&self.address) {
            *of_one -= 1;
            if *of_one == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_places_for_others_and_gives_its_own_back() {
        let places = Places::new(3, 2);
        let [one, two, three] = [1, 2, 3].map(|number| IpAddr::from([192, 0, 2, number]));
        let mut held = vec![places.take(one).unwrap(), places.take(one).unwrap()];
        assert_eq!(places.take(one).err(), Some(Full::OfOne));
        held.push(places.take(two).unwrap());
        assert_eq!(places.take(three).err(), Some(Full::All));
        held.remove(0);
        let again = places.take(three).unwrap();
        drop((held, again));
        assert!(places.taken.lock().unwrap().is_empty(), "nothing is left");
    }
}
