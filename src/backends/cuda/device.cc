#include "backends/cuda/device.h"

#include <algorithm>
#include <array>

#include "backends/cuda/driver.h"

namespace vivace::cuda {

namespace {

constexpr size_t kKilo = 1 << 10, kMega = 1 << 20, kGiga = 1 << 30;

// What a description says, from the data sheet of a typical GPU of the architecture.
const std::array kDescribed = {
    Device{"A100 (described)", 8, 0, 108, 163 * kKilo, 40 * kMega, 80 * kGiga, -1},
    Device{"A10 (described)", 8, 6, 72, 99 * kKilo, 6 * kMega, 24 * kGiga, -1},
    Device{"L4 (described)", 8, 9, 58, 99 * kKilo, 48 * kMega, 24 * kGiga, -1},
    Device{"H200 (described)", 9, 0, 132, 227 * kKilo, 60 * kMega, 141 * kGiga, -1},
    Device{"B200 (described)", 10, 0, 148, 227 * kKilo, 126 * kMega, 180 * kGiga, -1},
    Device{"RTX 5090 (described)", 12, 0, 170, 99 * kKilo, 96 * kMega, 32 * kGiga, -1},
};

Result<Device> device_at(const Driver& d, int ordinal) {
  Device device;
  DeviceHandle handle = 0;
  VIVACE_CUDA(d, cuDeviceGet(&handle, ordinal));
  std::array<char, 256> name{};
  VIVACE_CUDA(d, cuDeviceGetName(name.data(), static_cast<int>(name.size()) - 1, handle));
  device.name = name.data();
  int shared = 0, l2 = 0;
  VIVACE_CUDA(d, cuDeviceGetAttribute(&device.major, kAttributeMajor, handle));
  VIVACE_CUDA(d, cuDeviceGetAttribute(&device.minor, kAttributeMinor, handle));
  VIVACE_CUDA(d, cuDeviceGetAttribute(&device.multiprocessors, kAttributeMultiprocessors, handle));
  VIVACE_CUDA(d, cuDeviceGetAttribute(&shared, kAttributeSharedPerBlockOptIn, handle));
  VIVACE_CUDA(d, cuDeviceGetAttribute(&l2, kAttributeL2Bytes, handle));
  VIVACE_CUDA(d, cuDeviceTotalMem_v2(&device.memory_bytes, handle));
  device.shared_bytes = static_cast<size_t>(shared);
  device.l2_bytes = static_cast<size_t>(l2);
  device.ordinal = ordinal;
  return device;
}

}  // namespace

Result<std::vector<Device>> list_devices() {
  VIVACE_ASSIGN(const Driver* d, driver());
  int count = 0;
  VIVACE_CUDA(*d, cuDeviceGetCount(&count));
  std::vector<Device> devices;
  for (int i = 0; i < count; ++i) {
    VIVACE_ASSIGN(Device device, device_at(*d, i));
    devices.push_back(std::move(device));
  }
  return devices;
}

Result<Device> find_device(const std::string& name) {
  for (const Device& device : kDescribed)
    if (device.architecture() == name) return device;
  const bool numbered = name.starts_with("cuda:") && name.size() > 5 && name.size() < 9 &&
                        std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name != "cuda" && !numbered)
    return Status(Code::invalid_argument, "there is no device '" + name +
                                              "'; devices are cpu, cuda, cuda:0, cuda:1, ... and, to build for a GPU "
                                              "that is not here, sm_80, sm_86, sm_89, sm_90, sm_100, sm_120");
  const Result<const Driver*> d = driver();
  if (!d.ok())
    return Status(Code::device_unavailable,
                  "device '" + name + "': " + d.status().message() +
                      ". To build for a GPU that is not here name its architecture, as in sm_90; to run without one "
                      "use device cpu");
  const int ordinal = numbered ? std::stoi(name.substr(5)) : 0;
  int count = 0;
  VIVACE_CUDA(**d, cuDeviceGetCount(&count));
  if (ordinal >= count)
    return Status(Code::device_unavailable,
                  "device '" + name + "': this machine has " + std::to_string(count) + (count == 1 ? " GPU" : " GPUs"));
  VIVACE_ASSIGN(Device device, device_at(**d, ordinal));
  if (device.major < 8)
    return Status(Code::unsupported, "device '" + name + "' is a " + device.name + " of " + device.architecture() +
                                         "; GPUs from sm_80 (Ampere) on are supported");
  return device;
}

}  // namespace vivace::cuda
