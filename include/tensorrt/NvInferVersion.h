// Which generation of TensorRT's interface the headers speak.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

// 7, 8, 9, 10 or 11. All names are there whatever it is; what changes is the reported version, the width of Dims::d
// (64 bits from 10 on) and whether methods that a client overrides are noexcept (from 8 on).
#ifndef VIVACE_TENSORRT_MAJOR
#define VIVACE_TENSORRT_MAJOR 8
#endif

#define NV_TENSORRT_MAJOR VIVACE_TENSORRT_MAJOR
#if VIVACE_TENSORRT_MAJOR == 7
#define NV_TENSORRT_MINOR 2
#define NV_TENSORRT_PATCH 3
#define NV_TENSORRT_BUILD 4
#elif VIVACE_TENSORRT_MAJOR == 8
#define NV_TENSORRT_MINOR 6
#define NV_TENSORRT_PATCH 1
#define NV_TENSORRT_BUILD 6
#elif VIVACE_TENSORRT_MAJOR == 9
#define NV_TENSORRT_MINOR 3
#define NV_TENSORRT_PATCH 0
#define NV_TENSORRT_BUILD 1
#elif VIVACE_TENSORRT_MAJOR == 10
#define NV_TENSORRT_MINOR 16
#define NV_TENSORRT_PATCH 0
#define NV_TENSORRT_BUILD 72
#elif VIVACE_TENSORRT_MAJOR == 11
#define NV_TENSORRT_MINOR 1
#define NV_TENSORRT_PATCH 0
#define NV_TENSORRT_BUILD 106
#else
#error "VIVACE_TENSORRT_MAJOR is 7, 8, 9, 10 or 11"
#endif

#define NV_TENSORRT_SONAME_MAJOR NV_TENSORRT_MAJOR
#define NV_TENSORRT_SONAME_MINOR NV_TENSORRT_MINOR
#define NV_TENSORRT_SONAME_PATCH NV_TENSORRT_PATCH
#define NV_TENSORRT_LWS_MAJOR 0
#define NV_TENSORRT_LWS_MINOR 0
#define NV_TENSORRT_LWS_PATCH 0

#define NV_TENSORRT_RELEASE_TYPE_EARLY_ACCESS 0
#define NV_TENSORRT_RELEASE_TYPE_RELEASE_CANDIDATE 1
#define NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY 2
#define NV_TENSORRT_RELEASE_TYPE NV_TENSORRT_RELEASE_TYPE_GENERAL_AVAILABILITY

// One number of the version: thousands up to generation 9, ten thousands after.
#if VIVACE_TENSORRT_MAJOR < 10
#define NV_TENSORRT_VERSION_INT(major, minor, patch) ((major)*1000L + (minor)*100L + (patch)*1L)
#else
#define NV_TENSORRT_VERSION_INT(major, minor, patch) ((major)*10000L + (minor)*100L + (patch)*1L)
#endif
#define NV_TENSORRT_VERSION NV_TENSORRT_VERSION_INT(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH)
