/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a child finds beyond its processors: COM1, the VMBus root and S5. Addresses repeat layout.h.
 * VMOD is the module device whose windows VMBus devices get their MMIO from; Linux looks for them at VMBS's ancestors.
 */
DefinitionBlock ("", "DSDT", 2, "BULKHD", "CHILD", 1)
{
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_STA, 0x0F)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (VMOD)
		{
			Name (_HID, "ACPI0004")
			Name (_UID, 0)
			Name (_STA, 0x0F)
			Name (_CRS, ResourceTemplate ()
			{
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xF0000000, 0xF7FFFFFF, 0, 0x08000000)
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0x8000000000, 0x8FFFFFFFFF, 0, 0x1000000000)
			})

			Device (VMBS)
			{
				Name (_HID, "VMBus")
				Name (_UID, 0)
				Name (_STA, 0x0F)
				Name (_CRS, ResourceTemplate ()
				{
					IRQ (Edge, ActiveHigh, Exclusive) { 5 }
				})
			}
		}
	}
}
