use std::time::Duration;

use futures::{Stream, TryStream};

use super::{Batch, Batches, Concurrency, MapConcurrent, Sample, TimeoutEach, TryBatches, Uncounted};
use crate::{ConfigError, rt::Rt};

/// What streams can do with the clock and the tasks of a runtime.
///
/// It is implemented for every stream. No name in it is one of `futures::StreamExt` or `futures::TryStreamExt`, so all can
/// be imported together.
pub trait RtStreamExt: Stream {
    /// The items in batches, by count and by time.
    ///
    /// See [`Batches`] for what is guaranteed.
    ///
    /// # Errors
    ///
    /// If a field of the config is 0, or [`bytes_max`](Batch::bytes_max) is set: that needs
    /// [`batches_sized`](Self::batches_sized).
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use std::time::Duration;
    ///
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::{Batch, RtStreamExt};
    ///
    /// let batch = Batch { items_max: 3, wait_max: Duration::from_millis(500), ..Batch::default() };
    /// // Five items, and then nothing for ever.
    /// let readings = stream::iter(1..=5).chain(stream::pending());
    /// let mut batches = readings.batches(&rt, batch).unwrap();
    ///
    /// assert_eq!(batches.next().await, Some(vec![1, 2, 3]));
    /// let start = rt.now();
    /// assert_eq!(batches.next().await, Some(vec![4, 5]));
    /// assert_eq!(rt.now() - start, Duration::from_millis(500));
    /// # });
    /// ```
    ///
    /// Shutdown is an end of the source, and an end hands over what is collected:
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::{rt::CancelToken, stream::{Batch, RtStreamExt}};
    ///
    /// let shutdown = CancelToken::new();
    /// let readings = stream::iter([1, 2]).chain(stream::pending());
    /// let mut batches = readings.take_until(shutdown.cancelled()).batches(&rt, Batch::default()).unwrap();
    /// let task = rt.spawn("writer", async move { (batches.next().await, batches.next().await) });
    /// rt.sleep(std::time::Duration::from_millis(1)).await;
    /// shutdown.cancel();
    /// assert_eq!(task.await.unwrap(), (Some(vec![1, 2]), None));
    /// # });
    /// ```
    fn batches(self, rt: &Rt, config: Batch) -> Result<Batches<Self>, ConfigError>
    where
        Self: Sized,
    {
        Batches::new(self, rt, config, Uncounted)
    }

    /// The items in batches, by count, by time, and by bytes: `size` says how many an item has.
    ///
    /// An item goes into the batch if that has not more than [`bytes_max`](Batch::bytes_max) with it; else it begins the next.
    /// One that is larger than that by itself goes alone. If `size` panics, its item is lost with the panic, and no other.
    ///
    /// # Errors
    ///
    /// If a field of the config is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::{Batch, RtStreamExt};
    ///
    /// let lines = stream::iter(["to", "be", "or", "not to be", "?"]);
    /// let batch = Batch { bytes_max: Some(5), ..Batch::default() };
    /// let batches = lines.batches_sized(&rt, batch, |line| line.len()).unwrap();
    /// assert_eq!(batches.collect::<Vec<_>>().await, [vec!["to", "be"], vec!["or"], vec!["not to be"], vec!["?"]]);
    /// # });
    /// ```
    fn batches_sized<F>(self, rt: &Rt, config: Batch, size: F) -> Result<Batches<Self, F>, ConfigError>
    where
        Self: Sized,
        F: FnMut(&Self::Item) -> usize,
    {
        Batches::new(self, rt, config, size)
    }

    /// The items of a stream that may fail in batches, by count and by time.
    ///
    /// See [`TryBatches`] for what is guaranteed.
    ///
    /// # Errors
    ///
    /// As [`batches`](Self::batches).
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::{Batch, RtStreamExt};
    ///
    /// let readings = stream::iter([Ok(1), Ok(2), Err("a loose wire"), Ok(3)]);
    /// let batches = readings.try_batches(&rt, Batch::default()).unwrap();
    /// // Nothing is lost to the error, and nothing overtakes it.
    /// assert_eq!(batches.collect::<Vec<_>>().await, [Ok(vec![1, 2]), Err("a loose wire"), Ok(vec![3])]);
    /// # });
    /// ```
    fn try_batches(self, rt: &Rt, config: Batch) -> Result<TryBatches<Self>, ConfigError>
    where
        Self: TryStream + Sized,
    {
        TryBatches::new(self, rt, config, Uncounted)
    }

    /// As [`try_batches`](Self::try_batches) and by bytes, see [`batches_sized`](Self::batches_sized).
    ///
    /// # Errors
    ///
    /// If a field of the config is 0.
    fn try_batches_sized<F>(self, rt: &Rt, config: Batch, size: F) -> Result<TryBatches<Self, F>, ConfigError>
    where
        Self: TryStream + Sized,
        F: FnMut(&Self::Ok) -> usize,
    {
        TryBatches::new(self, rt, config, size)
    }

    /// Runs `map` on the items, several at once, each in a task.
    ///
    /// See [`MapConcurrent`] for what is guaranteed.
    ///
    /// # Errors
    ///
    /// If a field of the config is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use std::time::Duration;
    ///
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::{Concurrency, RtStreamExt};
    ///
    /// let concurrency = Concurrency { tasks_max: 3, ..Concurrency::default() };
    /// let (start, inner) = (rt.now(), rt.clone());
    /// let fetch = move |page: u32| {
    ///     let rt = inner.clone();
    ///     async move {
    ///         rt.sleep(Duration::from_secs(1)).await;
    ///         page * 10
    ///     }
    /// };
    /// let pages = stream::iter(1..=6).map_concurrent(&rt, concurrency, fetch).unwrap();
    /// let pages: Vec<u32> = pages.map(|page| page.unwrap()).collect().await;
    /// assert_eq!(pages, [10, 20, 30, 40, 50, 60]);
    /// assert_eq!(rt.now() - start, Duration::from_secs(2));
    /// # });
    /// ```
    fn map_concurrent<F, Fut>(
        self,
        rt: &Rt,
        config: Concurrency,
        map: F,
    ) -> Result<MapConcurrent<Fut::Output>, ConfigError>
    where
        Self: Sized + Send + 'static,
        F: FnMut(Self::Item) -> Fut + Send + 'static,
        Fut: Future<Output: Send + 'static> + Send + 'static,
    {
        MapConcurrent::new(self, rt, config, map)
    }

    /// Gives [`Elapsed`](crate::rt::Elapsed) for each item that takes longer than `limit`, and goes on.
    ///
    /// See [`TimeoutEach`] for what is guaranteed.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use std::time::Duration;
    ///
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::RtStreamExt;
    ///
    /// let inner = rt.clone();
    /// let readings = stream::iter([1, 9, 1]).then(move |seconds| {
    ///     let rt = inner.clone();
    ///     async move {
    ///         rt.sleep(Duration::from_secs(seconds)).await;
    ///         seconds
    ///     }
    /// });
    /// let limited = readings.timeout_each(&rt, Duration::from_secs(5));
    /// let all: Vec<_> = limited.map(|reading| reading.ok()).collect().await;
    /// assert_eq!(all, [Some(1), None, Some(9), Some(1)]);
    /// # });
    /// ```
    fn timeout_each(self, rt: &Rt, limit: Duration) -> TimeoutEach<Self>
    where
        Self: Sized,
    {
        TimeoutEach::new(self, rt, limit)
    }

    /// The latest item of each period.
    ///
    /// See [`Sample`] for what is guaranteed.
    ///
    /// # Errors
    ///
    /// If `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # seaworthy_core::testing::run(1, |rt| async move {
    /// use std::time::Duration;
    ///
    /// use futures::{StreamExt, stream};
    /// use seaworthy_core::stream::RtStreamExt;
    ///
    /// let mut interval = rt.interval(Duration::from_millis(30));
    /// let readings = stream::poll_fn(move |cx| interval.poll_tick(cx).map(Some)).enumerate();
    /// let mut sampled = readings.take(9).sample(&rt, Duration::from_millis(100)).unwrap();
    /// let numbers: Vec<_> = sampled.by_ref().map(|(number, _)| number).collect().await;
    /// // Those at 90 and 180 ms, and the last, at 240 ms.
    /// assert_eq!(numbers, [3, 6, 8]);
    /// assert_eq!(sampled.stats().skipped, 6);
    /// # });
    /// ```
    fn sample(self, rt: &Rt, period: Duration) -> Result<Sample<Self>, ConfigError>
    where
        Self: Sized,
    {
        Sample::new(self, rt, period)
    }
}

impl<S: Stream + ?Sized> RtStreamExt for S {}
