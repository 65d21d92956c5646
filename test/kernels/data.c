/* SPDX-License-Identifier: MIT */
#include "data.h"

#include "half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

uint64_t random_u64(rng *generator) {
    uint64_t z = generator->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

double random_signed(rng *generator) {
    return (double)(random_u64(generator) >> 11) * 0x1p-52 - 1.0;
}

guarded guarded_alloc(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t usable = (bytes + page - 1) / page * page;
    guarded memory = {.mapping_bytes = usable + page};
    memory.mapping =
        mmap(NULL, memory.mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory.mapping == MAP_FAILED || mprotect((char *)memory.mapping + usable, page, PROT_NONE) != 0) {
        perror("guarded_alloc");
        exit(EXIT_FAILURE);
    }
    memory.start = (char *)memory.mapping + usable - bytes;
    return memory;
}

void guarded_free(guarded memory) {
    munmap(memory.mapping, memory.mapping_bytes);
}

size_t element_bytes(sg_type type) {
    static const size_t bytes[SG_TYPE_COUNT] = {sizeof(float), sizeof(sg_f16), 1, 1};
    return bytes[type];
}

void store_element(sg_type type, void *to, size_t i, double value) {
    switch (type) {
    case SG_F32:
        ((float *)to)[i] = (float)value;
        break;
    case SG_F16:
        ((sg_f16 *)to)[i] = sg_narrow_f32((float)value);
        break;
    case SG_I8:
        ((int8_t *)to)[i] = (int8_t)value;
        break;
    default:
        ((uint8_t *)to)[i] = (uint8_t)value;
    }
}

static double random_element(data_kind kind, rng *generator) {
    const double value = random_signed(generator);
    switch (kind) {
    case DATA_WIDE:
        return ldexp(value, (int)(random_u64(generator) % 25) - 12);
    case DATA_POSITIVE:
        return fabs(value);
    default:
        return value;
    }
}

void fill(sg_type type, data_kind kind, void *to, size_t n, rng *generator) {
    for (size_t i = 0; i < n; i++) {
        if (type == SG_F32 || type == SG_F16)
            store_element(type, to, i, random_element(kind, generator));
        else /* all bytes, with many of the extremes that overflow a careless kernel */
            ((uint8_t *)to)[i] = kind == DATA_WIDE ? (random_u64(generator) & 1 ? 0x80 : 0x7f)
                                                   : (uint8_t)(random_u64(generator) >> 56);
    }
}
