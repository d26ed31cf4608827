/* Decodes a JPEG as OpenCV's `imdecode` does, for libFuzzer: the same source of bytes, lines one by one, and errors that
   jump out of the library (modules/imgcodecs/src/grfmt_jpeg.cpp). What has more pixels than a crop may have reaches no
   decoder of ours. */

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jpeglib.h"

#define MAX_PIXELS 1000000

struct errors {
    struct jpeg_error_mgr manager;
    jmp_buf out;
};

static void leave(j_common_ptr info) { longjmp(((struct errors *)info->err)->out, 1); }

static void say_nothing(j_common_ptr info) { (void)info; }

static void begin(j_decompress_ptr info) { (void)info; }

static boolean no_more(j_decompress_ptr info) {
    (void)info;
    return FALSE;
}

static void skip(j_decompress_ptr info, long count) {
    struct jpeg_source_mgr *source = info->src;
    if (count > (long)source->bytes_in_buffer) {
        source->next_input_byte += source->bytes_in_buffer;
        source->bytes_in_buffer = 0;
    } else if (count > 0) {
        source->next_input_byte += count;
        source->bytes_in_buffer -= count;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct jpeg_decompress_struct info;
    struct errors errors;
    struct jpeg_source_mgr source = {data, size, begin, no_more, skip, jpeg_resync_to_restart, begin};
    JSAMPLE *volatile line = NULL;

    info.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = leave;
    errors.manager.output_message = say_nothing;
    if (!setjmp(errors.out)) {
        jpeg_create_decompress(&info);
        info.src = &source;
        if (jpeg_read_header(&info, TRUE) == JPEG_HEADER_OK &&
            (uint64_t)info.image_width * info.image_height <= MAX_PIXELS) {
            if (info.num_components == 4) {
                info.out_color_space = JCS_CMYK;
                info.out_color_components = 4;
            } else {
                info.out_color_space = JCS_EXT_BGR;
                info.out_color_components = 3;
            }
            if (jpeg_start_decompress(&info)) {
                line = malloc((size_t)info.output_width * 4);
                while (line && info.output_scanline < info.output_height) {
                    JSAMPROW row = line;
                    if (!jpeg_read_scanlines(&info, &row, 1))
                        break;
                }
                jpeg_finish_decompress(&info);
            }
        }
    }
    free(line);
    jpeg_destroy_decompress(&info);
    return 0;
}
