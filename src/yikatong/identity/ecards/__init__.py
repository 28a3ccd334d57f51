"""The e-card (电子社保卡): bound to a device, shown as a code that lives a minute and works once."""
