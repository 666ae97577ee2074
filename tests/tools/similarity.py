"""The similarity transform of five points by Umeyama's equations (IEEE PAMI 13 (4), 1991), for the test beside
src/camera/align/similarity.rs. Needs numpy. Prints turn and shift."""

import numpy as np

FROM = np.array([[31, 40], [75.5, 38.25], [52, 66], [36, 88], [71, 86.5]])
TO = np.array([[59.32, 56.70], [137.29, 58.18], [96.14, 101.72], [62.59, 133.78], [130.26, 134.98]])

from_mean, to_mean = FROM.mean(0), TO.mean(0)
source, target = FROM - from_mean, TO - to_mean
u, values, v = np.linalg.svd(target.T @ source / len(FROM))
signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
rotation = u @ np.diag(signs) @ v
scale = (values * signs).sum() / (source**2).sum(1).mean()
shift = to_mean - scale * rotation @ from_mean
print(scale * rotation[0, 0], scale * rotation[1, 0], *shift)
