/* SPDX-License-Identifier: MIT */
/*
 * layers.h - sets of sandbox layers by name: what a scenario writes, what results call them.
 */
#ifndef SM_DRIVER_LAYERS_H
#define SM_DRIVER_LAYERS_H

#include <stddef.h>
#include <stdint.h>

/* Room for the longest name. */
#define SM_LAYERS_NAME 128

/*
 * The one name of a set: the preset that it is, else its layers in the order in which a child takes
 * them, joined by '+'. What a layer implies is left out: "root", not "mount+root". Returns text.
 */
const char *sm_layers_name(uint32_t layers, char *text, size_t size);

/* A mistyped item's first word that names nothing, for messages; NULL: there is none. */
const char *sm_layers_stranger(const char *item, char *word, size_t size);

/* The names of presets and layers, for sm_hint(). */
const char *sm_layers_words(const void *set, int i);

#endif
