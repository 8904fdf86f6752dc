"""Where a call goes: an address, credentials and framing. Vendors are data (`presets.yaml`), protocols are one file each."""
