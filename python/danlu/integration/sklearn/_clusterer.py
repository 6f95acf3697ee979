"""Charts of clusterings."""

from __future__ import annotations

import time

from ._log import UndrawableError, array, chart_of, each, fitted, logs, model_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plot_clusterer(
    model: Any,
    X_train: Any,  # noqa: N803
    cluster_labels: Any,
    labels: Any = None,
    model_name: str = "Clusterer",
) -> None:
    """Log all charts of a clustering: the elbow curve if it has `n_clusters`, and the silhouette."""
    del model_name
    has_count = hasattr(model, "n_clusters") and hasattr(model, "score")
    elbow = (lambda: plot_elbow_curve(model, X_train),) if has_count else ()
    each(
        "plot_clusterer",
        *elbow,
        lambda: plot_silhouette(model, X_train, cluster_labels, labels, kmeans=has_count),
    )


@logs("elbow_curve")
def plot_elbow_curve(
    clusterer: Any = None,
    X: Any = None,  # noqa: N803
    cluster_ranges: Any = None,
    n_jobs: int = 1,
    show_cluster_time: bool = True,
) -> Any:
    """Log the error, and the seconds of training, over the number of clusters (`elbow_curve`).

    `cluster_ranges` holds the numbers of clusters, by default 1, 3, 5, 7 and 9.
    """
    from sklearn.base import clone

    del n_jobs
    samples = array(X, "X")
    if not hasattr(model_of(clusterer, "fit", "clusterer"), "n_clusters"):
        raise UndrawableError(f"a `{type(clusterer).__name__}` has no n_clusters")
    model_of(clusterer, "score", "clusterer")
    rows: list[list[Any]] = []
    for count in range(1, 10, 2) if cluster_ranges is None else sorted(cluster_ranges):
        if count > len(samples):
            continue
        begin = time.perf_counter()
        model = clone(clusterer).set_params(n_clusters=int(count)).fit(samples)
        seconds = time.perf_counter() - begin if show_cluster_time else None
        rows.append([int(count), abs(float(model.score(samples))), seconds])
    return chart_of("elbow", ["cluster_ranges", "errors", "cluster_time"], rows)


@logs("silhouette_plot")
def plot_silhouette(
    clusterer: Any = None,
    X: Any = None,  # noqa: N803
    cluster_labels: Any = None,
    labels: Any = None,
    metric: str = "euclidean",
    kmeans: bool = True,
) -> Any:
    """Log how much nearer each sample is to its own cluster than to others (`silhouette_plot`).

    `cluster_labels` are by default what the clusterer found; `labels` names clusters. `x` and `y` are the
    first two features; `centerx` and `centery` are the center of the cluster, with `kmeans`; `y_sil` places
    the samples of a cluster in the order of their silhouette.
    """
    import numpy as np
    from sklearn.metrics import silhouette_samples

    samples = array(X, "X")
    found = fitted(clusterer, "clusterer").labels_ if cluster_labels is None else cluster_labels
    clusters = array(found, "cluster_labels")
    count = len(np.unique(clusters))
    if not 2 <= count < len(samples):
        raise UndrawableError(
            f"a silhouette needs 2 clusters or more, and more samples; there are {count} clusters"
        )
    values = silhouette_samples(samples, clusters, metric=metric)
    centers = getattr(clusterer, "cluster_centers_", None) if kmeans else None
    order = np.lexsort((values, clusters))
    average = float(values.mean())
    rows = []
    for place, sample in enumerate(order.tolist()):
        cluster = clusters[sample].item()
        center = (
            _pair(centers[cluster])
            if centers is not None and cluster in range(len(centers))
            else [None, None]
        )
        name = labels[cluster] if labels is not None and cluster in range(len(labels)) else cluster
        rows.append([*_pair(samples[sample]), name, *center, place, float(values[sample]), average])
    columns = ["x", "y", "colors", "centerx", "centery", "y_sil", "x_sil", "silhouette_avg"]
    return chart_of("silhouette_", columns, rows)


def _pair(features: Any) -> list[float]:
    """Return the first two features; 0 for a second that is not there."""
    first = features[:2].astype(float).tolist()
    return [*first, 0.0][:2]
