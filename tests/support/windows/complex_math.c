/* The complex functions of Windows' C library, which Wine 10 lacks and numpy imports; made by complex_math.py.
   Windows passes complex numbers as plain structures, and its long double is a double. */
#include <complex.h>

typedef struct { float real, imaginary; } Single;
typedef struct { double real, imaginary; } Double;

#define PARTS(type, kind, number) \
    static inline kind _Complex of_##type(type a) { return CMPLX_##type(a.real, a.imaginary); } \
    static inline type to_##type(kind _Complex c) { type a = {creal##number(c), cimag##number(c)}; return a; }
#define CMPLX_Single(real, imaginary) __builtin_complex((float)(real), (float)(imaginary))
#define CMPLX_Double(real, imaginary) __builtin_complex((double)(real), (double)(imaginary))
PARTS(Single, float, f)
PARTS(Double, double, )

#define REAL(name) \
    float our_##name##f(Single a) { return name##f(of_Single(a)); } \
    double our_##name(Double a) { return name(of_Double(a)); }
#define ONE(name) \
    Single our_##name##f(Single a) { return to_Single(name##f(of_Single(a))); } \
    Double our_##name(Double a) { return to_Double(name(of_Double(a))); }

REAL(creal) REAL(cimag) REAL(cabs) REAL(carg)
ONE(cexp) ONE(clog) ONE(csqrt) ONE(csin) ONE(ccos) ONE(ctan) ONE(csinh) ONE(ccosh) ONE(ctanh)
Single our_cpowf(Single a, Single b) { return to_Single(cpowf(of_Single(a), of_Single(b))); }
Double our_cpow(Double a, Double b) { return to_Double(cpow(of_Double(a), of_Double(b))); }
