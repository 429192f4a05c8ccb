# cython: language_level=3
"""SciPy's BLAS through its Cython interface: the oracle of tests and benches.

No BLAS is linked at build time. SciPy publishes its routines as capsules whose names are the C signatures; the
whole name is compared, because it carries the integer width.
"""
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

import numpy as np
import scipy.linalg.cython_blas

ctypedef void (*sgemm_t)(char*, char*, int*, int*, int*, float*, float*, int*, float*, int*, float*,
                         float*, int*) noexcept nogil
ctypedef void (*dgemm_t)(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*,
                         double*, int*) noexcept nogil


cdef void* _routine(str name, bytes letter) except NULL:
    real = b"__pyx_t_5scipy_6linalg_11cython_blas_" + letter
    expected = (b"void (char *, char *, int *, int *, int *, %b *, %b *, int *, %b *, int *, %b *, %b *, int *)"
                % ((real,) * 5))
    capsule = scipy.linalg.cython_blas.__pyx_capi__[name]
    found = PyCapsule_GetName(capsule)
    if found != expected:
        raise ImportError(f"SciPy's {name} has the signature {found.decode()}, expected {expected.decode()}.")
    return PyCapsule_GetPointer(capsule, expected)


cdef sgemm_t _sgemm = <sgemm_t>_routine("sgemm", b"s")
cdef dgemm_t _dgemm = <dgemm_t>_routine("dgemm", b"d")

ctypedef fused real:
    float
    double


def gemm(const real[:, ::1] a, const real[:, ::1] b):
    """Return ``a @ b`` for C-contiguous float32 or float64 matrices.

    Parameters
    ----------
    a : ndarray of shape (m, k)
    b : ndarray of shape (k, n)

    Returns
    -------
    ndarray of shape (m, n)

    Raises
    ------
    ValueError
        If the inner sizes differ or a size is zero or above 2**31 - 1.
    """
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"a has {a.shape[1]} columns, b has {b.shape[0]} rows.")
    if min(a.shape[0], a.shape[1], b.shape[1]) < 1 or max(a.shape[0], a.shape[1], b.shape[1]) > 0x7FFFFFFF:
        raise ValueError("sizes must lie between 1 and 2**31 - 1.")
    out = np.empty((a.shape[0], b.shape[1]), dtype=np.float32 if real is float else np.float64)
    cdef real[:, ::1] c = out
    # Row-major a @ b is column-major b^T a^T.
    cdef int m = <int>b.shape[1], n = <int>a.shape[0], k = <int>a.shape[1]
    cdef real one = 1, zero = 0
    cdef char no = b"N"
    with nogil:
        if real is float:
            _sgemm(&no, &no, &m, &n, &k, &one, <real*>&b[0, 0], &m, <real*>&a[0, 0], &k, &zero, &c[0, 0], &m)
        else:
            _dgemm(&no, &no, &m, &n, &k, &one, <real*>&b[0, 0], &m, <real*>&a[0, 0], &k, &zero, &c[0, 0], &m)
    return out
