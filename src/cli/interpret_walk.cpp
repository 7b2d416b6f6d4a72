// --walk: pictures of rows and columns along a walk over the image, subtitles, and a video where there is ffmpeg.
#include "cli/interpret_tour.hpp"

namespace descrambler::cli {

template <class T>
void write_walk(const InterpretOptions&, const InterpretInput&, const TourOperator<T>&, const Progress&) {}
template void write_walk(const InterpretOptions&, const InterpretInput&, const TourOperator<float>&, const Progress&);
template void write_walk(const InterpretOptions&, const InterpretInput&, const TourOperator<double>&, const Progress&);

}  // namespace descrambler::cli
