/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * changed.c: the toy with a change to its table, which the test names: -DCHANGE='table.map = NULL'.
 */
#define swiotlb_ext_get toy_get
#include "toy.c"
#undef swiotlb_ext_get

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version);

const struct swiotlb_ext_ops *swiotlb_ext_get(uint32_t abi_version)
{
	static struct swiotlb_ext_ops table;

	(void)toy_get(abi_version);
	table = toy;
	CHANGE;
	return table.size ? &table : NULL;
}
